"""GLM-4V, GLM-4.1V, GLM-4.5V and GLM-OCR (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.glm import chatglm, glm4
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.moe.routed import glm4_moe
from vllm_costmeter.sources.model_config.families.multimodal.qwen import BOTH, QWEN_VL_NAMES
from vllm_costmeter.sources.model_config.families.prediction import like_its_layers
from vllm_costmeter.sources.model_config.towers.eva_clip import eva_clip
from vllm_costmeter.sources.model_config.towers.glm4v import glm4v, glm_ocr

_CHATGLM_NAMES = (
    ("transformer.vision.", "transformer.vision."),
    ("transformer.", "language_model.transformer."),
)

GLM_4V = Family(chatglm, eva_clip, _CHATGLM_NAMES)
GLM_OCR = Family(glm4, glm_ocr, QWEN_VL_NAMES, BOTH, prediction=like_its_layers)
GLM4V = Family(glm4, glm4v, QWEN_VL_NAMES, BOTH)
GLM4V_MOE = Family(glm4_moe, glm4v, QWEN_VL_NAMES, BOTH)
