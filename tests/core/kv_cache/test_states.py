"""Bytes of recurrent states on one rank."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.kv_cache.dtypes import StateFormat
from vllm_costmeter.core.kv_cache.states import state_bytes
from vllm_costmeter.core.model.attention import (
    GatedDeltaState,
    KimiDeltaState,
    LightningState,
    Mamba1State,
    Mamba2State,
    RecurrentState,
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


@pytest.mark.parametrize(
    ("state", "ranks", "drafted", "values", "float32_values"),
    [
        (Mamba1State(8192, 16, 4, "float32"), 2, 2, 4096 * 3, 4096 * 16),
        (Mamba2State(4096, 8, 64, 64, 128, 4, "float32"), 2, 2, (4096 + 2 * 8 * 128) // 2 * 5, 32 * 64 * 128),
        (Mamba2State(4096, 1, 64, 64, 128, 4, "float32"), 4, 0, (4096 + 2 * 4 * 128) // 4 * 3, 16 * 64 * 128),
        (GatedDeltaState(16, 32, 128, 64, 4, "float32"), 4, 1, (2 * 2048 + 2048) // 4 * 4, 8 * 64 * 128),
        (KimiDeltaState(32, 128, 4), 4, 1, 3 * 8 * 128 * 4, 8 * 128 * 128),
        (LightningState(64, 96), 4, 1, 16 * 96 * 96, 0),
        (ShortConvState(2048, 3), 4, 1, 512 * 3, 0),
        (ShortConvState(2048, 3, is_whole=True), 4, 1, 2048 * 3, 0),
    ],
)
def test_each_state_is_divided_and_lengthened_by_its_own_rule(
    state: RecurrentState, ranks: int, drafted: int, values: int, float32_values: int
) -> None:
    """Channels x (kernel - 1 + drafted tokens) in bfloat16 and a matrix in float32, on one rank: groups are copied to
    ranks that do not divide them, Mamba 1's window keeps no drafts, some convolutions are whole on every rank."""
    form = StateFormat("bfloat16", speculative_tokens=drafted)
    assert state_bytes(state, ranks, form) == values * 2 + float32_values * 4
