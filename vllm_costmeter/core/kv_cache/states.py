"""Bytes of a recurrent layer's state for one sequence on one tensor-parallel rank.

Mirrors `MambaStateShapeCalculator` and `MambaStateDtypeCalculator` of vLLM's `mamba_utils.py` (read in 0.32).
"""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.kv_cache.dtypes import dtype_bytes
from vllm_costmeter.core.model.attention import (
    GatedDeltaState,
    KimiDeltaState,
    LightningState,
    Mamba1State,
    Mamba2State,
    RecurrentState,
    ShortConvState,
)


@dataclass(frozen=True, slots=True)
class StateFormat:
    """How states are stored: the flags `--mamba-cache-dtype` and `--mamba-ssm-cache-dtype`, and the model's dtype."""

    model_dtype: str
    mamba_cache_dtype: str = "auto"
    mamba_ssm_cache_dtype: str = "auto"
    speculative_tokens: int = 0
    """Draft tokens per step: the convolution window keeps as many inputs more."""

    @property
    def conv_bytes(self) -> int:
        name = self.mamba_cache_dtype
        return dtype_bytes(self.model_dtype if name == "auto" else name)

    def recurrent_bytes(self, checkpoint_dtype: str | None) -> int:
        """Bytes of one value of the recurrent state: the flag, else the checkpoint's wish, else the window's."""
        if self.mamba_ssm_cache_dtype != "auto":
            return dtype_bytes(self.mamba_ssm_cache_dtype)
        return self.conv_bytes if checkpoint_dtype is None else dtype_bytes(checkpoint_dtype)


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
            return _window(state.channels // ranks, state.conv_kernel, form)


def _window(channels: int, conv_kernel: int, form: StateFormat) -> int:
    return channels * (conv_kernel - 1 + form.speculative_tokens) * form.conv_bytes
