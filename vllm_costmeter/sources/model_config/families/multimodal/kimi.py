"""Kimi-VL and Kimi K2.5 (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.mla.deepseek import deepseek
from vllm_costmeter.sources.model_config.towers.moonvit import kimi_vl, moonvit

KIMI_K25 = Family(deepseek, moonvit, inputs=("vision_chunk",), tower_is_plain=True)
KIMI_VL = Family(deepseek, kimi_vl)
