"""Groups of layers with different page sizes that share one packed block (DeepSeek V4).

Mirrors `_get_packed_kv_cache_groups` of vLLM's `v1/core/kv_cache_utils.py` (read in 0.32).
"""

from __future__ import annotations

from collections import Counter
from math import lcm

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.kv_cache.layers import (
    FULL_LENGTH_KINDS,
    SLIDING_KINDS,
    CountedLayers,
    KVKind,
    KVLayer,
)


@dataclass(slots=True)
class _Bucket:
    """Layers of one uniform type: the number of each page size, in the model and on each pipeline rank."""

    first: KVLayer
    pages: Counter[int] = field(default_factory=Counter)
    pages_of_rank: dict[int, Counter[int]] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        """Whether all page sizes have the same number of layers: then the bucket repeats a pattern and may be split."""
        return len(set(self.pages.values())) == 1

    @property
    def repeats(self) -> int:
        return max(self.pages.values())


def packed_groups(ranks: tuple[CountedLayers, ...]) -> tuple[CountedLayers, tuple[int, ...]]:
    """(each distinct layer with its number of groups, bytes of one block on each rank)."""
    buckets: dict[tuple[object, ...], _Bucket] = {}
    for index, rank in enumerate(ranks):
        for layer, count in rank:
            bucket = buckets.setdefault(_type(layer), _Bucket(layer))
            bucket.pages[layer.page_bytes] += count
            bucket.pages_of_rank.setdefault(index, Counter())[layer.page_bytes] += count
    repeats = _repeats_per_group(list(buckets.values()))
    splits = {key: _num_groups(bucket, repeats) for key, bucket in buckets.items()}
    anchor = max(
        _widest(b.pages, b.pages.total() if _is_state(b, repeats) else splits[k]) for k, b in buckets.items()
    )
    for key, bucket in buckets.items():
        if _is_state(bucket, repeats):
            states_per_block = max(anchor // bucket.first.page_bytes, 1)
            splits[key] = max(splits[key], -(-bucket.pages.total() // states_per_block))
    widest = (
        max(
            _widest(bucket.pages_of_rank.get(rank, Counter()), splits[key]) for key, bucket in buckets.items()
        )
        for rank in range(len(ranks))
    )
    stride = lcm(*(layer.stride_bytes for rank in ranks for layer, _ in rank))
    bytes_per_block = tuple(-(-held // stride) * stride for held in widest)
    return tuple((bucket.first, splits[key]) for key, bucket in buckets.items()), bytes_per_block


def _type(layer: KVLayer) -> tuple[object, ...]:
    """Equal for layers that vLLM would put into one uniform type."""
    if layer.kind in FULL_LENGTH_KINDS:
        return (layer.block_tokens, "full")
    if layer.kind is KVKind.RING:
        return (layer.kind,)
    if layer.kind is KVKind.MAMBA:
        return (layer.block_tokens, layer.kind, layer.page_bytes, layer.shape)
    return (layer.block_tokens, layer.kind, layer.window_tokens)


def _is_state(bucket: _Bucket, repeats: int | None) -> bool:
    """Recurrent states, rings, and sliding windows without a pattern may have as few as one layer per group."""
    kind = bucket.first.kind
    return kind in (KVKind.MAMBA, KVKind.RING) or (repeats is None and kind in SLIDING_KINDS)


def _num_groups(bucket: _Bucket, repeats: int | None) -> int:
    return -(-bucket.repeats // repeats) if bucket.balanced and repeats is not None else 1


def _widest(pages: Counter[int], num_groups: int) -> int:
    """Page bytes of the largest of the groups a bucket splits into."""
    return sum(-(-count // num_groups) * page for page, count in pages.items())


def _repeats_per_group(buckets: list[_Bucket]) -> int | None:
    """Pattern repeats per group that pad least: buckets mixing page sizes stay whole, so the largest of them is
    the floor; None when there is none, and nothing needs a common pattern."""
    floor = max((b.repeats for b in buckets if b.balanced and len(b.pages) > 1), default=0)
    if not floor:
        return None
    repeats = [bucket.repeats for bucket in buckets if bucket.balanced]
    largest = max(repeats)
    return max(
        range(floor, largest + 1), key=lambda size: (-sum(-r % size for r in repeats), size), default=floor
    )
