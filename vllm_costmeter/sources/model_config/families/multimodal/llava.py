"""LLaVA and its kin, Mistral 3 and LightOnOCR (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.llama import llama
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.text import (
    llama_or_qwen,
    registered_text,
    text_of,
)
from vllm_costmeter.sources.model_config.towers.llava import (
    llava_any,
    llava_next,
    llava_next_video,
    llava_onevision,
    mistral3,
)

_NAMES = (
    ("model.language_model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
    ("model.", ""),
)
_LIGHT_ON_NAMES = (
    ("model.vision_encoder.", "vision_tower."),
    ("model.vision_projection.", "multi_modal_projector."),
    ("lm_head.", "language_model.lm_head."),
    ("model.language_model.", "language_model.model."),
)

LLAVA = Family(llama_or_qwen, llava_any)
LLAVA_NEXT = Family(llama_or_qwen, llava_next)
LLAVA_ONEVISION = Family(llama_or_qwen, llava_onevision, inputs=("image", "video"))
MISTRAL3 = Family(text_of(dict.fromkeys(("mistral", "ministral3", "llama"), llama)), mistral3)
LLAVA_NEXT_VIDEO = Family(registered_text, llava_next_video, _NAMES, ("video",))
LIGHT_ON_OCR = Family(registered_text, mistral3, _LIGHT_ON_NAMES)
