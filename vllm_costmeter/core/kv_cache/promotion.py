"""Local attention layers allocated as full attention: `--disable-hybrid-kv-cache-manager`.

Mirrors `unify_hybrid_kv_cache_specs` of vLLM's `v1/core/kv_cache_utils.py` (read in 0.17 to 0.32).
"""

from __future__ import annotations

from collections import Counter

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.kv_cache.groups import distinct, uniform_type
from vllm_costmeter.core.kv_cache.layers import FULL_LENGTH_KINDS, CountedLayers, KVKind, KVLayer

_PROMOTED = {KVKind.SLIDING: KVKind.FULL, KVKind.CHUNKED: KVKind.FULL, KVKind.SLIDING_MLA: KVKind.MLA}


class NeedsHybridManagerError(BadInputError):
    """vLLM cannot serve the model's layers without its hybrid KV cache manager."""


def full_allocation(ranks: tuple[CountedLayers, ...]) -> tuple[CountedLayers, ...]:
    """Sliding-window and chunked layers as full attention, if the model also has full attention layers.

    Raises NeedsHybridManagerError where vLLM refuses: layers of several types remain (recurrent
    layers, cross attention).
    """
    kinds = distinct(layer for rank in ranks for layer, _ in rank)
    if not kinds or uniform_type(kinds):
        return ranks
    blocks = {layer.block_tokens for layer in kinds if layer.kind in FULL_LENGTH_KINDS}
    promoted = ranks
    if blocks:
        block_tokens = blocks.pop() if len(blocks) == 1 else None
        promoted = tuple(_promoted_rank(rank, block_tokens) for rank in ranks)
    if not uniform_type(distinct(layer for rank in promoted for layer, _ in rank)):
        raise NeedsHybridManagerError(
            "--disable-hybrid-kv-cache-manager: vLLM cannot serve this model's mix of layers without it"
        )
    return promoted


def _promoted_rank(rank: CountedLayers, block_tokens: int | None) -> CountedLayers:
    counts: Counter[KVLayer] = Counter()
    for layer, count in rank:
        counts[_promoted(layer, block_tokens)] += count
    return tuple(counts.items())


def _promoted(layer: KVLayer, block_tokens: int | None) -> KVLayer:
    kind = _PROMOTED.get(layer.kind)
    if kind is None:
        return layer
    return replace(layer, kind=kind, block_tokens=block_tokens or layer.block_tokens, window_tokens=None)
