"""Pixtral in Mistral's own format (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.text import registered_text
from vllm_costmeter.sources.model_config.towers.pixtral import pixtral_own

_NAMES = (
    ("model.language_model.", "language_model.model."),
    ("model.vision_tower.", "vision_encoder."),
    ("model.multi_modal_projector.", "vision_language_adapter."),
)

PIXTRAL = Family(registered_text, pixtral_own, _NAMES, tower_is_plain=True)
