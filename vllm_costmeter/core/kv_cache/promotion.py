"""The layers with local attention allocated in full: `--disable-hybrid-kv-cache-manager`.

Mirrors `unify_hybrid_kv_cache_specs` of vLLM's `v1/core/kv_cache_utils.py` (read in 0.17 to 0.32).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from vllm_costmeter.core.kv_cache.layers import FULL_LENGTH_KINDS, CountedLayers, KVKind, KVLayer

_PROMOTED = {KVKind.SLIDING: KVKind.FULL, KVKind.CHUNKED: KVKind.FULL, KVKind.SLIDING_MLA: KVKind.MLA}


def full_allocation(ranks: tuple[CountedLayers, ...]) -> tuple[CountedLayers, ...]:
    """Sliding and chunked layers as full attention, where the model has full attention beside them."""
    if not any(layer.kind in FULL_LENGTH_KINDS for rank in ranks for layer, _ in rank):
        return ranks
    return tuple(_promoted_rank(rank) for rank in ranks)


def _promoted_rank(rank: CountedLayers) -> CountedLayers:
    counts: Counter[KVLayer] = Counter()
    for layer, count in rank:
        kind = _PROMOTED.get(layer.kind)
        counts[layer if kind is None else replace(layer, kind=kind, window_tokens=None)] += count
    return tuple(counts.items())
