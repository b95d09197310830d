"""InternVL and the models around its towers (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.qwen import BOTH, QWEN_VL_NAMES
from vllm_costmeter.sources.model_config.families.multimodal.text import registered_text
from vllm_costmeter.sources.model_config.towers.intern_vit import (
    intern_vision_model,
    nvlm_vision_model,
    skywork_vision_model,
)
from vllm_costmeter.sources.model_config.towers.internvl import intern_vit

INTERNVL = Family(registered_text, intern_vit, QWEN_VL_NAMES, BOTH)
INTERNVL_CHAT = Family(registered_text, intern_vision_model, inputs=BOTH)
H2OVL = Family(registered_text, intern_vision_model)
SKYWORK = Family(registered_text, skywork_vision_model)
NVLM = Family(registered_text, nvlm_vision_model)
QIANFAN_OCR = Family(registered_text, intern_vision_model, inputs=BOTH, tower_is_plain=True)
