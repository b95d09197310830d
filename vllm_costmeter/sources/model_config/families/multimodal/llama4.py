"""Llama 4 that sees (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.moe.llama4 import llama4
from vllm_costmeter.sources.model_config.towers.llama4 import llama4 as tower_llama4

LLAMA4 = Family(llama4, tower_llama4)
