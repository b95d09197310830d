"""LLaVA and its kin, Mistral 3 (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.llama import llama
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.text import llama_or_qwen, text_of
from vllm_costmeter.sources.model_config.towers.llava import llava_any, llava_next, llava_onevision, mistral3

LLAVA = Family(llama_or_qwen, llava_any)
LLAVA_NEXT = Family(llama_or_qwen, llava_next)
LLAVA_ONEVISION = Family(llama_or_qwen, llava_onevision, inputs=("image", "video"))
MISTRAL3 = Family(text_of(dict.fromkeys(("mistral", "ministral3", "llama"), llama)), mistral3)
