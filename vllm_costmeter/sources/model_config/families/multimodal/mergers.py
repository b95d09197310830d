"""LLaVA-OneVision 2 and openPangu-VL (vLLM 0.32: llava_onevision2.py, openpangu_vl.py)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.llama import qwen3
from vllm_costmeter.sources.model_config.families.dense.styles import FULL
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.qwen import BOTH, QWEN_VL_NAMES
from vllm_costmeter.sources.model_config.towers.mergers import llava_onevision2, openpangu_vl

_NAMES = (*QWEN_VL_NAMES, ("model.", "language_model.model."))

LLAVA_ONEVISION2 = Family(qwen3, llava_onevision2, _NAMES, BOTH, tower_is_plain=True)
OPENPANGU_VL = Family(FULL, openpangu_vl, _NAMES, BOTH)
