"""InternVL, the models around its towers, and the Intern-S models that see through Qwen's (vLLM 0.32, 0.33)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.interns2_mobius import mobius, prediction
from vllm_costmeter.sources.model_config.families.moe.interns1_pro import interns1_pro
from vllm_costmeter.sources.model_config.families.multimodal.qwen import BOTH, QWEN_VL_NAMES
from vllm_costmeter.sources.model_config.families.multimodal.text import registered_text
from vllm_costmeter.sources.model_config.towers.intern_vit import (
    intern_vision_model,
    nvlm_vision_model,
    skywork_vision_model,
)
from vllm_costmeter.sources.model_config.towers.internvl import intern_vit
from vllm_costmeter.sources.model_config.towers.qwen_vl import image_tower, qwen3_vl

INTERNVL = Family(registered_text, intern_vit, QWEN_VL_NAMES, BOTH)
INTERNVL_CHAT = Family(registered_text, intern_vision_model, inputs=BOTH)
H2OVL = Family(registered_text, intern_vision_model)
SKYWORK = Family(registered_text, skywork_vision_model)
NVLM = Family(registered_text, nvlm_vision_model)
QIANFAN_OCR = Family(registered_text, intern_vision_model, inputs=BOTH, tower_is_plain=True)
INTERNS1_PRO = Family(
    interns1_pro, qwen3_vl, QWEN_VL_NAMES, BOTH, image_tower=image_tower, tower_is_plain=True
)
INTERNS2_MOBIUS = Family(
    mobius, qwen3_vl, QWEN_VL_NAMES, BOTH, image_tower=image_tower, prediction=prediction
)
