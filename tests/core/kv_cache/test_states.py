"""Bytes of recurrent states on one rank."""

from __future__ import annotations

from vllm_costmeter.core.kv_cache.dtypes import StateFormat
from vllm_costmeter.core.kv_cache.states import state_bytes
from vllm_costmeter.core.model.attention import (
    GatedDeltaState,
    KimiDeltaState,
    LightningState,
    Mamba1State,
    Mamba2State,
    ShortConvState,
)

FORM = StateFormat("bfloat16")


def test_a_mamba_2_state_is_its_window_and_its_matrix() -> None:
    """Nemotron-3 Nano: 3 inputs of 6,144 channels in bfloat16, 64 heads of 64 x 128 in float32."""
    state = Mamba2State(4096, 8, 64, 64, 128, 4, "float32")
    assert state_bytes(state, 1, FORM) == 3 * 6144 * 2 + 64 * 64 * 128 * 4


def test_the_flag_overrides_what_the_checkpoint_asks_for() -> None:
    """--mamba-ssm-cache-dtype bfloat16 halves the matrix, not the window."""
    state = Mamba2State(4096, 8, 64, 64, 128, 4, "float32")
    halved = StateFormat("bfloat16", mamba_ssm_cache_dtype="bfloat16")
    assert state_bytes(state, 1, halved) == 3 * 6144 * 2 + 64 * 64 * 128 * 2


def test_one_group_is_copied_to_every_rank() -> None:
    """A single group cannot be divided: each of eight ranks holds its own."""
    state = Mamba2State(1024, 1, 16, 64, 128, 4)
    assert state_bytes(state, 8, FORM) == 3 * ((1024 + 2 * 8 * 128) // 8) * 2 + 2 * 64 * 128 * 2


def test_draft_tokens_lengthen_the_window() -> None:
    """Speculative decoding keeps as many inputs more as it drafts."""
    state = GatedDeltaState(16, 32, 128, 128, 4, "float32")
    drafting = StateFormat("bfloat16", speculative_tokens=2)
    assert state_bytes(state, 1, drafting) - state_bytes(state, 1, FORM) == 2 * 8192 * 2


def test_the_other_states_follow_their_shapes() -> None:
    """Mamba 1, Kimi delta (float32 by rule), lightning and short convolutions, over two ranks."""
    assert state_bytes(Mamba1State(8192, 16, 4), 2, FORM) == 4096 * 3 * 2 + 4096 * 16 * 2
    assert state_bytes(KimiDeltaState(32, 128, 4), 2, FORM) == 3 * 16 * 128 * 3 * 2 + 16 * 128 * 128 * 4
    assert state_bytes(LightningState(64, 128), 2, FORM) == 32 * 128 * 128 * 2
    assert state_bytes(ShortConvState(2048, 3), 2, FORM) == 1024 * 2 * 2
