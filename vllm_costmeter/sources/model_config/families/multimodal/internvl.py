"""InternVL as transformers writes it (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.llama import qwen2, qwen3
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.qwen import BOTH, QWEN_VL_NAMES
from vllm_costmeter.sources.model_config.families.multimodal.text import text_of
from vllm_costmeter.sources.model_config.towers.internvl import intern_vit

INTERNVL = Family(text_of({"qwen2": qwen2, "qwen3": qwen3}), intern_vit, QWEN_VL_NAMES, BOTH)
