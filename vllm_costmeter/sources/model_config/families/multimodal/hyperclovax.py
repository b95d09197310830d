"""HyperCLOVA X that sees (vLLM 0.32, hyperclovax_vision_v2.py)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.text import registered_text
from vllm_costmeter.sources.model_config.towers.qwen_vl import hyperclovax

_NAMES = (
    ("model.vision_model.", "visual."),
    ("vision_model.", "visual."),
    ("model.mm_projector.", "mm_projector."),
    ("model.language_model.", "language_model."),
)

HCX_VISION_V2 = Family(registered_text, hyperclovax, _NAMES, ("image", "video"))
