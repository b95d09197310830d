"""MiniMax M3 with its tower (vLLM 0.26 to 0.33)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.sources.model_config.families.moe.minimax_m3 import MINIMAX_M3 as _TEXT
from vllm_costmeter.sources.model_config.towers.minimax import minimax_m3_vision

MINIMAX_M3 = replace(
    _TEXT,
    tower=minimax_m3_vision,
    inputs=("image", "video"),
    renames=(
        ("multi_modal_projector.", "vision_tower.multi_modal_projector."),
        ("patch_merge_mlp.", "vision_tower.patch_merge_mlp."),
    ),
)
