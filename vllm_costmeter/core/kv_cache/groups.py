"""vLLM's grouping of cache layers that share one pool of equal blocks, and the resulting bytes per block.

Mirrors `get_kv_cache_groups` of vLLM's `v1/core/kv_cache_utils.py` (read in 0.17 to 0.32). Only counts matter:
which layer lands in which group of its kind does not change any byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.kv_cache.layers import (
    FULL_LENGTH_KINDS,
    SLIDING_KINDS,
    CountedLayers,
    KVKind,
    KVLayer,
)
from vllm_costmeter.core.kv_cache.rules import KVRules


@dataclass(frozen=True, slots=True)
class KVGroups:
    """`blocks` lists each distinct layer with the number of groups that have blocks like it: one sequence uses the sum
    over them from the shared pool. `bytes_per_block` is the size of one block on each pipeline rank."""

    blocks: CountedLayers
    bytes_per_block: tuple[int, ...]

    @property
    def count(self) -> int:
        return sum(count for _, count in self.blocks)


def group_layers(ranks: tuple[CountedLayers, ...], rules: KVRules, *, block_outermost: bool) -> KVGroups:
    """The groups of a model with the layers `ranks` on its pipeline ranks.

    `block_outermost`: the attention backends store all layers of a block contiguously (DeepSeek V4).
    Raises NotUnderstoodError for page sizes that this version of vLLM cannot unify.
    """
    kinds = distinct(layer for rank in ranks for layer, _ in rank)
    if not kinds:
        return KVGroups((), tuple(0 for _ in ranks))
    if uniform_type(kinds):
        return KVGroups(((kinds[0], 1),), tuple(_sum_of_pages(rank) for rank in ranks))
    if block_outermost and len({layer.page_bytes for layer in kinds}) > 1:
        if not rules.packs_blocks:
            raise NotUnderstoodError("KV cache: DeepSeek V4's packed blocks before vLLM 0.30 are not known")
        from vllm_costmeter.core.kv_cache.packing import packed_groups

        return KVGroups(*packed_groups(ranks))
    raised = _equal_pages(kinds, rules)
    return _equal_groups(tuple(_counted((raised[layer], n) for layer, n in rank) for rank in ranks), rules)


def uniform_type(layers: tuple[KVLayer, ...]) -> bool:
    """Whether all layers need the same number of token slots: then they form one group, whatever their pages."""
    first = layers[0]
    if any(layer.block_tokens != first.block_tokens for layer in layers):
        return False
    if first.kind in FULL_LENGTH_KINDS:
        return all(layer.kind in FULL_LENGTH_KINDS for layer in layers)
    if first.kind is KVKind.MAMBA:
        return all(layer.kind is KVKind.MAMBA and layer.page_bytes == first.page_bytes for layer in layers)
    return all(
        layer.window_tokens == first.window_tokens
        and (layer.kind is first.kind or (first.kind is KVKind.SLIDING and layer.kind in SLIDING_KINDS))
        for layer in layers
    )


def distinct(layers: Iterable[KVLayer]) -> tuple[KVLayer, ...]:
    return tuple(dict.fromkeys(layers))


def _counted(layers: Iterable[tuple[KVLayer, int]]) -> Counter[KVLayer]:
    """Layers that have become equal count as one kind."""
    counts: Counter[KVLayer] = Counter()
    for layer, count in layers:
        counts[layer] += count
    return counts


def _sum_of_pages(rank: CountedLayers) -> int:
    return sum(layer.page_bytes * count for layer, count in rank)


def _equal_pages(kinds: tuple[KVLayer, ...], rules: KVRules) -> dict[KVLayer, KVLayer]:
    """Every layer with its page enlarged to the largest: by a larger block if that divides evenly, otherwise by
    padding."""
    largest = max(layer.page_bytes for layer in kinds)
    return {layer: _raised(layer, largest, rules) for layer in kinds}


def _raised(layer: KVLayer, page_bytes: int, rules: KVRules) -> KVLayer:
    if layer.page_bytes == page_bytes:
        return layer
    if layer.kind is not KVKind.MAMBA and page_bytes % layer.page_bytes == 0:
        return replace(layer, block_tokens=layer.block_tokens * (page_bytes // layer.page_bytes))
    if rules.pads_unaligned_pages and layer.kind not in (KVKind.MLA, KVKind.SLIDING_MLA):
        return replace(layer, padded_page_bytes=page_bytes)
    raise NotUnderstoodError(
        f"KV cache: a page of {layer.page_bytes} bytes cannot be enlarged to the model's largest, {page_bytes}"
    )


def _equal_groups(ranks: tuple[Counter[KVLayer], ...], rules: KVRules) -> KVGroups:
    """Groups of equal size: the smallest kind's number of layers, or the largest's if they differ little."""
    kinds = distinct(layer for rank in ranks for layer in rank)
    totals = {layer: sum(rank[layer] for rank in ranks) for layer in kinds}
    fewest, most = min(totals.values()), max(totals.values())
    size = most if most < fewest * rules.max_padding_ratio else fewest
    groups = {layer: -(-totals[layer] // size) for layer in kinds}
    page_bytes = kinds[0].page_bytes
    widest = (max(_rounds(rank[layer], groups[layer]) for layer in kinds) for rank in ranks)
    return KVGroups(tuple(groups.items()), tuple(page_bytes * layers for layers in widest))


def _rounds(layers: int, num_groups: int) -> int:
    """The most layers of one group on a rank: layer i of a kind goes to group i mod `num_groups`, and a rank holds
    a run of consecutive layers."""
    return -(-layers // num_groups)
