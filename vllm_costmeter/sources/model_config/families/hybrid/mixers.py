"""The mixers of selective state spaces, Mamba 1 and 2, as vLLM divides them, and their states (vLLM 0.32)."""

from __future__ import annotations

import math

from vllm_costmeter.core.model.attention import Mamba1State, Mamba2State
from vllm_costmeter.core.model.parts import Linear, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, row
from vllm_costmeter.sources.model_config.families.layers import Block
from vllm_costmeter.sources.model_config.families.source import Source

_CHUNK_TOKENS = 2048  # get_mamba_chunk_size of vLLM 0.32's config/model.py

_RANK_DIVISOR = 16  # time_step_rank "auto": hidden size / 16, rounded up (transformers' MambaConfig)


def mamba1(
    source: Source,
    name: str,
    *,
    inner: int,
    state: int,
    kernel: int,
    rank: int,
    bias: bool,
    conv_bias: bool,
) -> Block:
    """vLLM's MambaMixer: everything is divided by channels."""
    hidden = source.hidden_size
    return (
        Linear(f"{name}.conv1d", kernel, (Output(inner),), "column", conv_bias, quantized=False),
        column(f"{name}.in_proj", hidden, inner, inner, bias=bias),
        row(f"{name}.x_proj", inner, rank + 2 * state),
        column(f"{name}.dt_proj", rank, inner, bias=True),
        row(f"{name}.out_proj", inner, hidden, bias),
        Tensor(f"{name}.A", inner, state, split=True, element_bytes=FLOAT32_BYTES),
        Tensor(f"{name}.D", inner, split=True),
        Mamba1State(inner, state, kernel),
    )


def time_step_rank(source: Source, key: str) -> int:
    if source.text.raw(key) in (None, "auto"):
        return math.ceil(source.hidden_size / _RANK_DIVISOR)
    return source.text.int(key, minimum=1)


def mamba2(
    source: Source,
    name: str,
    *,
    heads: int,
    head_size: int,
    groups: int,
    state_size: int,
    kernel: int,
    bias: bool,
    conv_bias: bool,
    has_norm: bool = True,
    state_dtype: str | None = None,
) -> Block:
    """vLLM's MambaMixer2: everything is divided by heads; a single group of B and C is copied to each rank."""
    inner, shared = Output(heads, head_size), Output(groups, state_size, replicated=groups == 1)
    hidden = source.hidden_size
    return (
        Linear(f"{name}.in_proj", hidden, (inner, inner, shared, shared, Output(heads)), "column", bias),
        row(f"{name}.out_proj", heads * head_size, hidden, bias),
        Linear(f"{name}.conv1d", kernel, (inner, shared, shared), "column", conv_bias, quantized=False),
        Tensor(f"{name}.A", heads, split=True, element_bytes=FLOAT32_BYTES),
        Tensor(f"{name}.D", heads, split=True),
        Tensor(f"{name}.dt_bias", heads, split=True),
        *((Tensor(f"{name}.norm", heads, head_size, split=True),) if has_norm else ()),
        Mamba2State(
            intermediate_size=heads * head_size,
            num_groups=groups,
            num_heads=heads,
            head_dim=head_size,
            state_size=state_size,
            conv_kernel=kernel,
            state_dtype=state_dtype,
            chunk_tokens=source.text.int(
                "mamba_chunk_size", "chunk_size", default=_CHUNK_TOKENS, minimum=1, maximum=1 << 20
            ),
        ),
    )
