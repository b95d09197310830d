"""vLLM's planner of the KV cache, under the names that its release gives it: 0.33 split v1/core/kv_cache_utils.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def kv_cache_configs(config: Any, specs_of_ranks: Sequence[Mapping[str, Any]], pool_bytes: int) -> Any:
    """One KVCacheConfig per pipeline rank, with `pool_bytes` on each. ValueError where vLLM refuses the pool."""
    specs = [dict(specs) for specs in specs_of_ranks]  # grouping changes them in place
    memory = [pool_bytes] * len(specs)
    planning = _planning()
    if planning is None:
        from vllm.v1.core.kv_cache_utils import get_kv_cache_configs

        return get_kv_cache_configs(config, specs, memory)
    groups = planning.get_global_kv_cache_groups(config, specs)
    config.adjust_dcp_kv_cache_interleave_size(groups)
    return planning.get_kv_cache_configs(config, specs, memory, groups)


def bytes_of_groups(config: Any, groups: Sequence[Any]) -> int:
    """Bytes that one sequence of the configured length takes in these groups of one rank."""
    planning = _planning()
    if planning is None:
        from vllm.v1.core.kv_cache_utils import _max_memory_usage_bytes_from_groups

        return int(_max_memory_usage_bytes_from_groups(config, groups))
    from vllm.v1.core.kv_cache_config_builder import get_kv_cache_config_builder

    builder = get_kv_cache_config_builder(config)
    return int(planning._max_memory_usage_bytes_from_groups(builder, config, groups))


def _planning() -> Any:
    """The module since 0.33; None before."""
    try:
        from vllm.v1.core import kv_cache_planning
    except ImportError:
        return None
    return kv_cache_planning
