"""Ling 3 that sees (vLLM 0.32, bailing_moe_v3_vl.py)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.bailing_v3 import bailing_v3, prediction
from vllm_costmeter.sources.model_config.towers.qwen_vl import bailing_v3 as vision

_NAMES = (
    ("model.visual.", "visual."),
    ("vision.", "visual."),
    ("model.linear_proj.", "linear_proj."),
    ("lm_head.", "language_model.lm_head."),
    ("model.language_model.", "language_model.model."),
    ("model.", "language_model.model."),
)

BAILING_V3_VL = Family(bailing_v3, vision, _NAMES, prediction=prediction)
