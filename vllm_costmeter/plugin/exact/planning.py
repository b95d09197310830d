"""vLLM's own planning of the KV cache: one module until 0.32, apart from the blocks' bookkeeping since 0.33."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def kv_cache_configs(
    config: Any, specs_of_ranks: Sequence[Mapping[str, Any]], pool_bytes: int
) -> Sequence[Any]:
    """`get_kv_cache_configs` with this pool on every rank. ValueError where vLLM finds it too small."""
    specs = [dict(specs) for specs in specs_of_ranks]  # grouping changes them in place
    pools = [pool_bytes] * len(specs)
    planning = _planning_module()
    if planning is None:
        from vllm.v1.core.kv_cache_utils import get_kv_cache_configs

        return tuple(get_kv_cache_configs(config, specs, pools))
    groups = planning.get_global_kv_cache_groups(config, specs)
    return tuple(planning.get_kv_cache_configs(config, specs, pools, groups))


def bytes_needed(config: Any, groups: Any) -> int:
    """Bytes that one sequence of the configured length needs in these groups."""
    planning = _planning_module()
    if planning is None:
        from vllm.v1.core.kv_cache_utils import _max_memory_usage_bytes_from_groups

        return int(_max_memory_usage_bytes_from_groups(config, groups))
    from vllm.v1.core.kv_cache_config_builder import get_kv_cache_config_builder

    builder = get_kv_cache_config_builder(config)
    return int(planning._max_memory_usage_bytes_from_groups(builder, config, groups))


def _planning_module() -> Any:
    """None before 0.33."""
    try:
        from vllm.v1.core import kv_cache_planning
    except ImportError:
        return None
    return kv_cache_planning
