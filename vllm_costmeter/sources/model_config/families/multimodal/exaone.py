"""EXAONE 4.5 (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.styles import EXAONE4
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.qwen import BOTH, QWEN_VL_NAMES
from vllm_costmeter.sources.model_config.towers.qwen_vl import exaone4_5

EXAONE4_5 = Family(EXAONE4, exaone4_5, QWEN_VL_NAMES, BOTH)
