"""The KV cache as vLLM lays it out: layers per rank, groups, blocks, tokens, and the longest length that fits."""

from vllm_costmeter.core.kv_cache.planner import KVCache, KVCapacity, kv_cache
from vllm_costmeter.core.kv_cache.rules import KVRules, kv_rules

__all__ = ["KVCache", "KVCapacity", "KVRules", "kv_cache", "kv_rules"]
