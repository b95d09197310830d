"""Kanana-V: a Llama behind Qwen2-VL's tower (vLLM 0.32, kanana_v.py)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.llama import llama
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.towers.kanana import kanana_v

KANANA_V = Family(llama, kanana_v, tower_is_plain=True)
