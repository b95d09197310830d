"""GLM-4.1V and GLM-4.5V (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.glm import glm4
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.moe.routed import glm4_moe
from vllm_costmeter.sources.model_config.families.multimodal.qwen import BOTH, QWEN_VL_NAMES
from vllm_costmeter.sources.model_config.towers.glm4v import glm4v

GLM4V = Family(glm4, glm4v, QWEN_VL_NAMES, BOTH)
GLM4V_MOE = Family(glm4_moe, glm4v, QWEN_VL_NAMES, BOTH)
