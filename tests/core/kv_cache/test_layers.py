"""What one sequence holds in each kind of cache layer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer, SequenceLimits

LIMITS = SequenceLimits(in_flight_tokens=100, encoder_tokens=1500)


def layer(kind: KVKind, window_tokens: int | None = None, state_blocks: int = 0) -> KVLayer:
    return KVLayer(kind, 16, 256, window_tokens=window_tokens, state_blocks=state_blocks)


def test_full_attention_holds_whole_blocks_for_every_token() -> None:
    """33 tokens in blocks of 16 take three blocks, each of 16 rows."""
    full = layer(KVKind.FULL)
    assert full.blocks_for(33, LIMITS) == 3
    assert full.page_bytes == 16 * 256


def test_a_window_holds_its_reach_and_one_block_more() -> None:
    """A window of 50 keeps 49 computed tokens and those in flight, and may start inside a block."""
    window = layer(KVKind.SLIDING, window_tokens=50)
    assert window.blocks_for(10_000, LIMITS) == -(-149 // 16) + 1
    assert window.blocks_for(16, LIMITS) == 2


def test_a_chunk_holds_its_tokens_and_those_in_flight() -> None:
    """A chunk starts at a block's edge, so no block is added."""
    assert layer(KVKind.CHUNKED, window_tokens=60).blocks_for(10_000, LIMITS) == 10


def test_states_and_encoder_caches_do_not_depend_on_the_length() -> None:
    """A recurrent layer holds its states, cross attention the encoder's output."""
    assert layer(KVKind.MAMBA, state_blocks=2).blocks_for(1_000_000, LIMITS) == 2
    assert layer(KVKind.CROSS).blocks_for(1, LIMITS) == 94


def test_context_shards_divide_the_tokens_of_full_attention() -> None:
    """With four context-parallel ranks each holds a quarter of the tokens."""
    assert layer(KVKind.FULL).blocks_for(640, SequenceLimits(0, context_shards=4)) == 10


def test_a_padded_page_counts_in_full() -> None:
    """Padding is memory: the page is what is allocated, not what is used."""
    assert KVLayer(KVKind.MAMBA, 16, 100, padded_page_bytes=128, state_blocks=1).page_bytes == 128


@pytest.mark.parametrize("kind", list(KVKind))
@given(first=st.integers(1, 1 << 21), more=st.integers(0, 1 << 16))
def test_a_longer_sequence_never_holds_less(kind: KVKind, first: int, more: int) -> None:
    """Blocks never fall with the length, which is what makes the longest length searchable."""
    one = layer(kind, window_tokens=1024, state_blocks=3)
    assert one.blocks_for(first, LIMITS) <= one.blocks_for(first + more, LIMITS)


@pytest.mark.parametrize(
    ("kind", "window", "length", "blocks"),
    [
        (KVKind.FULL, None, 32, 2),
        (KVKind.SINK, None, 33, 3),
        (KVKind.MLA, None, 1, 1),
        (KVKind.SLIDING, 29, 1 << 20, 9),
        (KVKind.SLIDING, 30, 1 << 20, 10),
        (KVKind.SLIDING_MLA, 29, 128, 9),
        (KVKind.SLIDING_MLA, 29, 112, 8),
        (KVKind.CHUNKED, 60, 160, 10),
        (KVKind.CHUNKED, 60, 144, 9),
        (KVKind.CHUNKED, 61, 1 << 20, 11),
        (KVKind.RING, None, 1 << 20, 1),
        (KVKind.CROSS, None, 1 << 20, 94),
    ],
)
def test_each_kind_holds_the_blocks_that_its_spec_reserves(
    kind: KVKind, window: int | None, length: int, blocks: int
) -> None:
    """Blocks of 16, 100 tokens in flight: a window of 29 reaches 128 tokens and one block more, a chunk of 60 reaches
    160 from a block's edge, a ring is one block, an encoder's 1,500 tokens are 93.75."""
    assert layer(kind, window_tokens=window).blocks_for(length, LIMITS) == blocks


def test_a_state_for_each_block_is_held_beside_the_sequence_s_own() -> None:
    """33 tokens are three blocks of 16, and two states are always held."""
    kept = KVLayer(KVKind.MAMBA, 16, 256, state_blocks=2, state_per_block=True)
    assert kept.blocks_for(33, LIMITS) == 5


def test_tokens_of_context_shards_are_rounded_up_on_each() -> None:
    """65 tokens over four ranks are 17 on one of them, which is two blocks."""
    shared = SequenceLimits(0, context_shards=4)
    assert layer(KVKind.FULL).blocks_for(64, shared) == 1
    assert layer(KVKind.FULL).blocks_for(65, shared) == 2


def test_a_page_holds_a_row_for_each_pool_and_a_state_whole() -> None:
    """256 tokens in pools of 4 are 64 rows; a recurrent state is one row, however many tokens its block counts."""
    assert KVLayer(KVKind.MLA, 256, 132, tokens_per_row=4).page_bytes == 64 * 132
    assert KVLayer(KVKind.MAMBA, 256, 4096).page_bytes == 4096


def test_without_an_encoder_or_context_shards_nothing_is_reserved_for_them() -> None:
    """The limits of a plain decoder: no encoder tokens, every token on every rank."""
    plain = SequenceLimits(100)
    assert layer(KVKind.CROSS).blocks_for(1000, plain) == 0
    assert layer(KVKind.FULL).blocks_for(160, plain) == 10


def test_a_layer_that_names_no_states_holds_none_of_its_own() -> None:
    """Only the blocks that the sequence's tokens ask for."""
    assert KVLayer(KVKind.MAMBA, 16, 256).blocks_for(33, LIMITS) == 0
    assert KVLayer(KVKind.MAMBA, 16, 256, state_per_block=True).blocks_for(33, LIMITS) == 3
