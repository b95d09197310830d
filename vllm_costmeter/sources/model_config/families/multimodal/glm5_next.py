"""GLM-5 Next with its tower (vLLM 0.30 to 0.33)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.sources.model_config.families.hybrid.glm5_next import GLM5_NEXT as _TEXT
from vllm_costmeter.sources.model_config.towers.glm5_next import glm5_next_vision

GLM5_NEXT = replace(
    _TEXT,
    tower=glm5_next_vision,
    inputs=("image", "video"),
    tower_is_plain=True,
    renames=(
        ("model.visual.", "visual."),
        ("model.language_model.", "language_model.model."),
        ("lm_head.", "language_model.lm_head."),
    ),
)
