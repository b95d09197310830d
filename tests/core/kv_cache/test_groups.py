"""Layers of several kinds share one pool of equal blocks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.kv_cache.groups import group_layers, uniform_type
from vllm_costmeter.core.kv_cache.layers import CountedLayers, KVKind, KVLayer
from vllm_costmeter.core.kv_cache.rules import kv_rules
from vllm_costmeter.core.release import release_of

NEWEST = kv_rules(release_of("0.32.0"))
FULL = KVLayer(KVKind.FULL, 16, 4096, (8, 128, 128))
WINDOW = KVLayer(KVKind.SLIDING, 16, 4096, (8, 128, 128), window_tokens=1024)


def ranks(*layers: tuple[KVLayer, int]) -> tuple[CountedLayers, ...]:
    return (tuple(layers),)


def test_layers_of_one_type_form_one_group_whatever_their_pages() -> None:
    """Full-attention layers of different head counts share block tables; a block is the sum of their pages."""
    wide = replace(FULL, row_bytes=8192)
    groups = group_layers(ranks((FULL, 10), (wide, 2)), NEWEST, block_outermost=False)
    assert groups.count == 1
    assert groups.bytes_per_block == (10 * FULL.page_bytes + 2 * wide.page_bytes,)


def test_gemma_3_is_padded_to_seven_groups_of_ten() -> None:
    """10 full and 52 sliding layers cost 70: six groups of windows, the last padded."""
    groups = group_layers(ranks((WINDOW, 52), (FULL, 10)), NEWEST, block_outermost=False)
    assert groups.count == 7
    assert groups.bytes_per_block == (10 * FULL.page_bytes,)


@pytest.mark.parametrize(("version", "expected"), [("0.17.0", 4), ("0.18.0", 2)])
def test_near_equal_kinds_are_padded_to_the_larger_since_0_18(version: str, expected: int) -> None:
    """13 against 10 layers: ratio 1.3 was split by the old threshold 1.25 and is padded by the newer 1.5."""
    groups = group_layers(
        ranks((FULL, 13), (WINDOW, 10)), kv_rules(release_of(version)), block_outermost=False
    )
    assert groups.count == {4: 3, 2: 2}[expected]


def test_a_smaller_page_grows_by_a_larger_block() -> None:
    """MiMo: full layers with half the heads take twice the tokens per block."""
    half = replace(FULL, row_bytes=2048)
    groups = group_layers(ranks((half, 9), (WINDOW, 39)), NEWEST, block_outermost=False)
    assert {layer.block_tokens for layer, _ in groups.blocks} == {16, 32}
    assert groups.bytes_per_block == (9 * WINDOW.page_bytes,)


def test_a_page_that_does_not_divide_is_padded_or_refused_by_version() -> None:
    """Since 0.24 vLLM pads it; before, it refuses the model, so there is no answer to give."""
    odd = replace(FULL, row_bytes=3000)
    groups = group_layers(ranks((odd, 5), (WINDOW, 5)), NEWEST, block_outermost=False)
    assert groups.bytes_per_block == (5 * WINDOW.page_bytes,)
    with pytest.raises(NotUnderstoodError, match="cannot be enlarged"):
        group_layers(ranks((odd, 5), (WINDOW, 5)), kv_rules(release_of("0.23.0")), block_outermost=False)


def test_pipeline_ranks_share_the_groups_of_the_whole_model() -> None:
    """Two ranks with 5 full and 26 sliding layers each: groups by the totals, blocks by each rank's widest group."""
    half: CountedLayers = ((WINDOW, 26), (FULL, 5))
    groups = group_layers((half, half), NEWEST, block_outermost=False)
    assert groups.count == 7
    assert groups.bytes_per_block == (5 * FULL.page_bytes,) * 2


def test_a_model_without_caches_has_no_groups() -> None:
    """An encoder-only embedder keeps nothing."""
    groups = group_layers(((),), NEWEST, block_outermost=False)
    assert groups.count == 0
    assert groups.bytes_per_block == (0,)


def test_packed_blocks_before_0_30_are_unknown() -> None:
    """DeepSeek V4 was grouped by rules of its own until then."""
    with pytest.raises(NotUnderstoodError, match="DeepSeek V4"):
        group_layers(
            ranks((FULL, 5), (replace(WINDOW, row_bytes=512), 5)),
            kv_rules(release_of("0.29.0")),
            block_outermost=True,
        )


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        (KVKind.SLIDING, KVKind.SLIDING, 1),
        (KVKind.SLIDING, KVKind.SLIDING_MLA, 1),
        (KVKind.CHUNKED, KVKind.CHUNKED, 1),
        (KVKind.CHUNKED, KVKind.SLIDING, 2),
    ],
)
def test_windows_of_one_length_form_one_group_if_they_are_of_one_type(
    first: KVKind, second: KVKind, count: int
) -> None:
    """`is_uniform_type` (v1/kv_cache_interface.py, 0.17 to 0.33): SlidingWindowSpec with its subclass, or chunks."""
    one, other = replace(WINDOW, kind=first), replace(WINDOW, kind=second, row_bytes=8192)
    groups = group_layers(ranks((one, 4), (other, 4)), NEWEST, block_outermost=False)
    assert groups.count == count


def test_full_layers_of_two_block_sizes_are_not_of_one_type() -> None:
    """Blocks of 16 tokens become blocks of 32, and all layers one group of five."""
    large = replace(FULL, block_tokens=32)
    groups = group_layers(ranks((FULL, 2), (large, 3)), NEWEST, block_outermost=False)
    assert groups.blocks == ((large, 1),)
    assert groups.bytes_per_block == (5 * large.page_bytes,)


STATE = KVLayer(KVKind.MAMBA, 16, 65536, state_blocks=1)


@pytest.mark.parametrize(
    ("layers", "is_one"),
    [
        ((FULL, replace(FULL, kind=KVKind.SINK), replace(FULL, kind=KVKind.MLA)), True),
        ((FULL, WINDOW), False),
        ((WINDOW, FULL), False),
        ((STATE, STATE), True),
        ((STATE, replace(STATE, padded_page_bytes=131072)), False),
        ((STATE, FULL), False),
        ((WINDOW, replace(WINDOW, window_tokens=512)), False),
        ((replace(WINDOW, kind=KVKind.SLIDING_MLA), WINDOW), False),
        ((FULL, FULL, replace(FULL, block_tokens=32)), False),
    ],
)
def test_a_type_is_the_slots_that_a_sequence_needs(layers: tuple[KVLayer, ...], is_one: bool) -> None:
    """`is_uniform_type` (v1/kv_cache_interface.py): full attention with its subclasses, states of one page, windows of
    one length; SlidingWindowSpec takes its subclass beside itself, the subclass does not take it."""
    assert uniform_type(layers) is is_one


@pytest.mark.parametrize(("windows", "groups", "layers_of_a_block"), [(14, 2, 14), (15, 3, 10), (16, 3, 10)])
def test_padding_ends_at_one_and_a_half_times_the_fewest(
    windows: int, groups: int, layers_of_a_block: int
) -> None:
    """10 full layers beside 14, 15 and 16 windows: less than 15 are one group, from 15 on there are two of them."""
    found = group_layers(ranks((FULL, 10), (WINDOW, windows)), NEWEST, block_outermost=False)
    assert found.count == groups
    assert found.bytes_per_block == (layers_of_a_block * FULL.page_bytes,)


def test_a_pipeline_rank_pays_for_its_widest_group() -> None:
    """12 windows and 4 full layers: three groups of windows and one of full layers. The first rank holds 7 windows, so
    3 in one of the groups; the second 5, so 2, and no more than 2 of the full layers."""
    first: CountedLayers = ((WINDOW, 7), (FULL, 2))
    second: CountedLayers = ((WINDOW, 5), (FULL, 2))
    groups = group_layers((first, second), NEWEST, block_outermost=False)
    assert groups.count == 4
    assert groups.bytes_per_block == (3 * FULL.page_bytes, 2 * FULL.page_bytes)


def test_layers_that_become_equal_are_counted_together() -> None:
    """Half the heads in twice the tokens are the same layer as one with such blocks from the start."""
    half, doubled = replace(FULL, row_bytes=2048), replace(FULL, row_bytes=2048, block_tokens=32)
    groups = group_layers(ranks((half, 2), (doubled, 3), (WINDOW, 5)), NEWEST, block_outermost=False)
    assert dict(groups.blocks) == {doubled: 1, WINDOW: 1}
    assert groups.bytes_per_block == (5 * FULL.page_bytes,)


@pytest.mark.parametrize(
    ("layer", "version", "raised"),
    [
        (replace(FULL, row_bytes=1024), "0.23.0", replace(FULL, row_bytes=1024, block_tokens=64)),
        (replace(FULL, row_bytes=3000), "0.24.0", replace(FULL, row_bytes=3000, padded_page_bytes=65536)),
        (replace(STATE, row_bytes=32768), "0.24.0", replace(STATE, row_bytes=32768, padded_page_bytes=65536)),
        (replace(STATE, row_bytes=32768), "0.23.0", None),
        (replace(FULL, row_bytes=3000, kind=KVKind.MLA), "0.32.0", None),
        (replace(WINDOW, row_bytes=3000, kind=KVKind.SLIDING_MLA), "0.32.0", None),
    ],
)
def test_a_page_grows_to_the_largest_by_tokens_or_by_padding(
    layer: KVLayer, version: str, raised: KVLayer | None
) -> None:
    """Attention whose page divides it takes more tokens; otherwise 0.24 pads, but neither states before it nor latents
    at all (`unify_kv_cache_spec_page_size`)."""
    largest = replace(WINDOW, kind=KVKind.CHUNKED)
    mixed = ranks((layer, 3), (largest, 3))
    if raised is None:
        with pytest.raises(NotUnderstoodError, match=f"{layer.page_bytes} bytes cannot be enlarged"):
            group_layers(mixed, kv_rules(release_of(version)), block_outermost=False)
        return
    groups = group_layers(mixed, kv_rules(release_of(version)), block_outermost=False)
    assert groups.blocks == ((raised, 1), (largest, 1))
    assert groups.bytes_per_block == (3 * 65536,)


@pytest.mark.parametrize("version", ["0.29.0", "0.32.0"])
def test_equal_pages_are_grouped_equally_however_blocks_are_laid_out(version: str) -> None:
    """10 and 13 layers of one page: two groups, one padded to 13. Packing would make three of ten."""
    groups = group_layers(
        ranks((FULL, 10), (WINDOW, 13)), kv_rules(release_of(version)), block_outermost=True
    )
    assert groups.count == 2
    assert groups.bytes_per_block == (13 * FULL.page_bytes,)
