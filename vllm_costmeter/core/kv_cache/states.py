"""Bytes of a recurrent layer's state for one sequence on one tensor-parallel rank.

Mirrors `MambaStateShapeCalculator` and `MambaStateDtypeCalculator` of vLLM's `mamba_utils.py` (read in 0.32).
"""

from __future__ import annotations

from vllm_costmeter.core.kv_cache.dtypes import StateFormat
from vllm_costmeter.core.model.attention import (
    GatedDeltaState,
    KimiDeltaState,
    LightningState,
    Mamba1State,
    Mamba2State,
    RecurrentState,
    ShortConvState,
)


def state_bytes(state: RecurrentState, tensor_parallel_size: int, form: StateFormat) -> int:
    """Bytes of one state on one rank. Heads and channels are divided by `tensor_parallel_size`, which must divide
    them (`tensor_parallel_fault` says so first)."""
    ranks = tensor_parallel_size
    match state:
        case Mamba1State():
            channels = state.intermediate_size // ranks
            conv = channels * (state.conv_kernel - 1) * form.conv_bytes
            return conv + channels * state.state_size * form.recurrent_bytes(state.state_dtype)
        case Mamba2State():
            groups = state.num_groups if state.num_groups % ranks == 0 else ranks
            channels = (state.intermediate_size + 2 * groups * state.state_size) // ranks
            matrix = state.num_heads // ranks * state.head_dim * state.state_size
            return _window(channels, state.conv_kernel, form) + matrix * form.recurrent_bytes(
                state.state_dtype
            )
        case GatedDeltaState():
            channels = 2 * state.head_k_dim * state.num_k_heads + state.head_v_dim * state.num_v_heads
            matrix = state.num_v_heads // ranks * state.head_v_dim * state.head_k_dim
            window = _window(channels // ranks, state.conv_kernel, form)
            return window + matrix * form.recurrent_bytes(state.state_dtype)
        case KimiDeltaState():
            heads = state.num_heads // ranks
            window = _window(3 * heads * state.head_dim, state.conv_kernel, form)
            return window + heads * state.head_dim**2 * form.recurrent_bytes("float32")
        case LightningState():
            return state.num_heads // ranks * state.head_dim**2 * form.conv_bytes
        case ShortConvState():
            return _window(
                state.channels if state.is_whole else state.channels // ranks, state.conv_kernel, form
            )


def _window(channels: int, conv_kernel: int, form: StateFormat) -> int:
    return channels * (conv_kernel - 1 + form.speculative_tokens) * form.conv_bytes
