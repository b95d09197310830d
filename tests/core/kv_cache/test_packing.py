"""Pages of several sizes packed into one block (DeepSeek V4)."""

from __future__ import annotations

from vllm_costmeter.core.kv_cache.layers import CountedLayers, KVKind, KVLayer
from vllm_costmeter.core.kv_cache.packing import packed_groups

LATENT = KVLayer(KVKind.MLA, 256, 100)
INDEX = KVLayer(KVKind.MLA, 256, 20)
WINDOW = KVLayer(KVKind.SLIDING_MLA, 64, 50, window_tokens=128)


def packed(*ranks: CountedLayers) -> tuple[dict[KVKind, int], tuple[int, ...]]:
    groups, bytes_per_block = packed_groups(ranks)
    return {layer.kind: count for layer, count in groups}, bytes_per_block


def test_a_repeating_pattern_stays_whole_and_windows_split_toward_it() -> None:
    """Two latents with their indexers are one group of two repeats; six windows make three groups of two."""
    counts, (block,) = packed(((LATENT, 2), (INDEX, 2), (WINDOW, 6)))
    assert counts == {KVKind.MLA: 1, KVKind.SLIDING_MLA: 3}
    assert block == 2 * (LATENT.page_bytes + INDEX.page_bytes)


def test_equal_padding_prefers_the_larger_group() -> None:
    """Two repeats beside three windows pad one layer either way: one group of three, not two of two."""
    counts, _ = packed(((LATENT, 2), (INDEX, 2), (WINDOW, 3)))
    assert counts == {KVKind.MLA: 1, KVKind.SLIDING_MLA: 1}


def test_a_block_is_the_widest_group_of_each_pipeline_rank() -> None:
    """Ranks with half of the layers pay half of a block."""
    half: CountedLayers = ((LATENT, 2), (INDEX, 2), (WINDOW, 4))
    _, blocks = packed(half, half)
    assert blocks == (2 * (LATENT.page_bytes + INDEX.page_bytes),) * 2
