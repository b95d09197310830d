"""Models that look at an image through Q-Formers: BLIP-2, Granite Vision 4 (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.llama import llama
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.text import registered_text
from vllm_costmeter.sources.model_config.towers.qformer import blip2, granite4_vision

_GRANITE_NAMES = (
    ("model.language_model.", "language_model.model."),
    ("model.layerwise_projectors.", "layerwise_projectors."),
    ("model.spatial_projectors.", "spatial_projectors."),
    ("model.image_newline", "image_newline"),
    ("model.vision_tower.", "vision_tower."),
    ("lm_head.", "language_model.lm_head."),
)

BLIP2 = Family(registered_text, blip2)
GRANITE4_VISION = Family(llama, granite4_vision, _GRANITE_NAMES)
