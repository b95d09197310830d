"""Kimi-VL, Kimi K2.5 and Kimi K3 (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.kimi_linear import KIMI_LINEAR
from vllm_costmeter.sources.model_config.families.mla.deepseek import deepseek
from vllm_costmeter.sources.model_config.towers.moonvit import kimi_vl, moonvit, moonvit_k3

KIMI_K25 = Family(deepseek, moonvit, inputs=("vision_chunk",), tower_is_plain=True)
KIMI_VL = Family(deepseek, kimi_vl)
KIMI_K3 = replace(
    KIMI_LINEAR,
    tower=moonvit_k3,
    inputs=("image",),
    tower_is_plain=True,
    renames=(("language_model.layers.", "language_model.model.layers."),),
)
