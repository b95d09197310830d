"""MiMo V2 that sees (vLLM 0.32, mimo_v2_omni.py)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.moe.mimo_v2 import mimo_v2, prediction
from vllm_costmeter.sources.model_config.towers.mimo import mimo_vision

_NAMES = (
    ("visual.", "visual."),
    ("lm_head.", "language_model.lm_head."),
    ("model.", "language_model.model."),
)

MIMO_V2_OMNI = Family(
    mimo_v2,
    mimo_vision,
    _NAMES,
    ("image", "video"),
    prediction=prediction,
    prediction_count=1,
    tower_is_plain=True,
)
