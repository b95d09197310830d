"""Step models that see (vLLM 0.32, step3_vl.py, step_vl.py, step3p7.py; 0.33, models/step5)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.text import predicted_text, registered_text
from vllm_costmeter.sources.model_config.towers.step import perception_encoder, step3_vision, step5_encoder

_NAMES = (
    ("model.vision_model.", "vision_model."),
    ("model.vit_large_projector", "vit_large_projector"),
    ("model.language_model.", "language_model.model."),
    ("model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
)

STEP3_VL = Family(registered_text, step3_vision, _NAMES)
STEP_VL = Family(registered_text, perception_encoder, _NAMES, prediction=predicted_text)
STEP5_VL = Family(registered_text, step5_encoder, _NAMES, prediction=predicted_text)
