"""Pages of several sizes packed into one block (DeepSeek V4)."""

from __future__ import annotations

import pytest

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


STATE = KVLayer(KVKind.MAMBA, 256, 25600)
RING = KVLayer(KVKind.RING, 8, 4096)


def test_states_are_packed_by_as_many_as_fit_beside_the_widest_group() -> None:
    """One latent and its indexer, 25,600 and 5,120 bytes, are the widest: a state of 25,600 fits once, so three states
    are three groups; rings of 32,768 are wider, one each, and then the widest."""
    counts, (block,) = packed(((LATENT, 1), (INDEX, 1), (STATE, 3)))
    assert counts == {KVKind.MLA: 1, KVKind.MAMBA: 3}
    assert block == 30720
    counts, (block,) = packed(((LATENT, 1), (INDEX, 1), (RING, 3)))
    assert counts == {KVKind.MLA: 1, KVKind.RING: 3}
    assert block == 32768


@pytest.mark.parametrize(("page_bytes", "states", "groups"), [(10000, 7, 4), (20000, 3, 3), (25600, 3, 3)])
def test_states_share_a_group_where_nothing_repeats_a_pattern(
    page_bytes: int, states: int, groups: int
) -> None:
    """A latent of 25,600 bytes: two states of 10,000 fit beside it, and one of more than half as many bytes; a block is
    never wider than the latent."""
    counts, (block,) = packed(((LATENT, 1), (KVLayer(KVKind.MAMBA, 256, page_bytes), states)))
    assert counts == {KVKind.MLA: 1, KVKind.MAMBA: groups}
    assert block == 25600


def test_windows_are_states_too_where_nothing_repeats_a_pattern() -> None:
    """One page size of latents, four of them: windows of 3,200 bytes fit 32 times beside 102,400, so 40 are two groups;
    chunks are not divided."""
    counts, (block,) = packed(((LATENT, 4), (WINDOW, 40)))
    assert counts == {KVKind.MLA: 1, KVKind.SLIDING_MLA: 2}
    assert block == 102400
    chunk = KVLayer(KVKind.CHUNKED, 64, 50, window_tokens=128)
    counts, (block,) = packed(((LATENT, 4), (chunk, 40)))
    assert counts == {KVKind.MLA: 1, KVKind.CHUNKED: 1}
    assert block == 128000


def test_a_bucket_without_a_pattern_stays_whole() -> None:
    """Three latents beside two indexers repeat no pair, and nothing else mixes pages: one group of them all."""
    counts, (block,) = packed(((LATENT, 3), (INDEX, 2), (WINDOW, 6)))
    assert counts == {KVKind.MLA: 1, KVKind.SLIDING_MLA: 1}
    assert block == 3 * 25600 + 2 * 5120


def test_the_largest_mixed_bucket_is_the_floor_of_a_group() -> None:
    """Two pairs in one bucket, three in another of smaller blocks: groups hold three repeats, not two, and seven
    windows are three groups of them."""
    small = (KVLayer(KVKind.MLA, 64, 100), KVLayer(KVKind.MLA, 64, 20))
    groups, (block,) = packed_groups((((LATENT, 2), (INDEX, 2), (small[0], 3), (small[1], 3), (WINDOW, 7)),))
    assert dict(groups) == {LATENT: 1, small[0]: 1, WINDOW: 3}
    assert block == 2 * (25600 + 5120)


def test_types_differ_by_block_window_and_page_of_states() -> None:
    """Each is a bucket of its own, and rings of any block are one."""
    wide = KVLayer(KVKind.SLIDING_MLA, 64, 50, window_tokens=256)
    groups, _ = packed_groups((((WINDOW, 1), (wide, 1), (STATE, 1), (KVLayer(KVKind.MAMBA, 256, 512), 1)),))
    assert [layer for layer, _ in groups] == [WINDOW, wide, STATE, KVLayer(KVKind.MAMBA, 256, 512)]
    small, large = RING, KVLayer(KVKind.RING, 16, 4096)
    groups, _ = packed_groups((((LATENT, 1), (small, 1), (large, 1)),))
    assert [layer for layer, _ in groups] == [LATENT, small]


def test_a_block_is_whole_strides_on_each_rank() -> None:
    """25,600 bytes in strides of lcm(4,096, 3,000) = 1,536,000 are one; a rank without the layer needs none."""
    first: CountedLayers = (
        (KVLayer(KVKind.MLA, 256, 100, stride_bytes=4096), 1),
        (KVLayer(KVKind.SLIDING_MLA, 64, 50, window_tokens=128, stride_bytes=3000), 1),
    )
    _, blocks = packed(first, ((KVLayer(KVKind.MLA, 256, 12000), 1),))
    assert blocks == (1536000, 3072000)
