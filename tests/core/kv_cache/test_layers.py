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
