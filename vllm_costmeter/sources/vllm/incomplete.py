"""vLLM's statistics where this vLLM lacks some: neutral values in place of what no part of ours can do without."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

NEUTRAL: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "cache": {"kv_cache_usage": None},
        "adapters": {"running_lora_adapters": {}},
        "drafts": {"spec_decoding_stats": None},
        "work": {"perf_stats": None},
        "requests": {"finished_requests": ()},
    }
)
"""By part that goes without them (`touched.WITHOUT`): what its statistics hold instead."""


class Incomplete:
    """One step's statistics with `instead` in place of their own; every other attribute is vLLM's."""

    __slots__ = ("_instead", "_stats")

    def __init__(self, stats: Any, instead: Mapping[str, Any]) -> None:
        self._stats = stats
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        instead = self._instead
        return instead[name] if name in instead else getattr(self._stats, name)


def neutral(parts: frozenset[str]) -> dict[str, Any]:
    """The attributes to replace where `parts` go without theirs."""
    return {name: value for part in parts & NEUTRAL.keys() for name, value in NEUTRAL[part].items()}
