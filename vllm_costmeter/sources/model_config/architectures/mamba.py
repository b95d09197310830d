"""Decoders of selective state spaces: Mamba 1 and 2, Falcon-Mamba, Jamba, Falcon-H1 (vLLM 0.32's model code)."""

from __future__ import annotations

import math

from vllm_costmeter.core.model.attention import Mamba1State
from vllm_costmeter.core.model.parts import Linear, Output, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.architectures.blocks import (
    attention,
    column,
    experts,
    gated_mlp,
    norms,
    router,
    row,
)
from vllm_costmeter.sources.model_config.architectures.layers import (
    EDGES,
    Block,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.architectures.nemotron_h import mamba2
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_RANK_DIVISOR = 16  # time_step_rank "auto": hidden size / 16, rounded up (transformers' MambaConfig)


def mamba_1(source: Source) -> Weights:
    """Mamba and Falcon-Mamba, whose extra norms have no weights."""
    text = source.text
    mixer = _mixer(
        source,
        "mixer",
        inner=text.int("intermediate_size", minimum=1),
        state=text.int("state_size", default=16, minimum=1),
        kernel=text.int("conv_kernel", default=4, minimum=1),
        rank=_rank(source, "time_step_rank"),
        bias=text.bool("use_bias", default=False),
        conv_bias=text.bool("use_conv_bias", default=True),
    )
    return _backbone(source, layer_of(*mixer, *norms(source.hidden_size, "norm")), tied=True)


def mamba_2(source: Source) -> Weights:
    """Mamba 2 and Codestral Mamba."""
    text = source.text
    mixer = mamba2(
        source,
        "mixer",
        heads=text.int("num_heads", default=128, minimum=1),
        head_size=text.int("head_dim", default=64, minimum=1),
        groups=text.int("n_groups", default=8, minimum=1),
        state_size=text.int("state_size", default=128, minimum=1),
        kernel=text.int("conv_kernel", default=4, minimum=1),
        bias=text.bool("use_bias", default=False),
        conv_bias=text.bool("use_conv_bias", default=True),
    )
    return _backbone(source, layer_of(*mixer, *norms(source.hidden_size, "norm")), tied=False)


def jamba(source: Source) -> Weights:
    """Jamba: attention without positions in one layer of a period, experts in every other."""
    text, hidden = source.text, source.hidden_size
    period = text.int("attn_layer_period", default=8, minimum=1)
    offset = text.int("attn_layer_offset", default=4)
    every = text.int("expert_layer_period", default=2, minimum=1)
    first = text.int("expert_layer_offset", default=1)
    count = text.int("num_experts", default=16, minimum=1)
    state = text.int("mamba_d_state", default=16, minimum=1)
    rank = _rank(source, "mamba_dt_rank")
    mixer = (
        *_mixer(
            source,
            "mamba",
            inner=text.int("mamba_expand", default=2, minimum=1) * hidden,
            state=state,
            kernel=text.int("mamba_d_conv", default=4, minimum=1),
            rank=rank,
            bias=text.bool("mamba_proj_bias", default=False),
            conv_bias=text.bool("mamba_conv_bias", default=True),
        ),
        *norms(rank, "mamba.dt_layernorm"),
        *norms(state, "mamba.b_layernorm", "mamba.c_layernorm"),
    )
    full = attention("self_attn", hidden, source.num_heads, source.num_kv_heads, source.head_size(), None)
    routed = (
        router("feed_forward.router", hidden, count),
        experts("feed_forward.experts", count, hidden, source.intermediate_size),
    )
    dense = gated_mlp("feed_forward", hidden, source.intermediate_size)

    def layer(kind: tuple[bool, bool]) -> Layer:
        attends, routes = kind
        halves = (*(full if attends else mixer), *(routed if routes else dense))
        return layer_of(*halves, *norms(hidden, "input_layernorm", "pre_ff_layernorm"))

    kinds = [
        (index % period == offset, count > 1 and index % every == first) for index in range(source.num_layers)
    ]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied(), on_every_rank=EDGES)


def falcon_h1(source: Source) -> Weights:
    """Falcon-H1: attention and Mamba 2 side by side in every layer."""
    text, hidden = source.text, source.hidden_size
    heads = text.int("mamba_n_heads", default=128, minimum=1)
    inner = text.optional_int("mamba_d_ssm", minimum=1) or text.int("mamba_expand", default=2) * hidden
    groups = text.int("mamba_n_groups", default=1, minimum=1)
    state = text.int("mamba_d_state", default=256, minimum=1)
    mixer = mamba2(
        source,
        "mamba.mamba",
        heads=heads,
        head_size=inner // heads,
        groups=groups,
        state_size=state,
        kernel=text.int("mamba_d_conv", default=4, minimum=1),
        bias=text.bool("mamba_proj_bias", default=False),
        conv_bias=text.bool("mamba_conv_bias", default=True),
        has_norm=text.bool("mamba_rms_norm", default=False),
    )
    size = source.head_size()
    bias = text.bool("attention_bias", default=False)
    layer = layer_of(
        *attention(
            "self_attn",
            hidden,
            source.num_heads,
            source.num_kv_heads,
            size,
            rotary_table(size, source.max_position, rope_parameters(text)),
            bias=bias,
            out_bias=bias,
        ),
        *mixer,
        *_multipliers(heads, inner // heads, groups, state),
        *gated_mlp("feed_forward", hidden, source.intermediate_size, text.bool("mlp_bias", default=False)),
        *norms(hidden, "input_layernorm", "pre_ff_layernorm"),
    )
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied())


def _multipliers(heads: int, head_size: int, groups: int, state: int) -> tuple[Part, ...]:
    """One factor per output of the mixer's first projection (`mup_vector`), divided with them."""
    gates = 2 * heads * head_size + heads
    return (
        Tensor("mamba.mup_vector", gates, split=True),
        Tensor("mamba.mup_vector.bc", 2 * groups, state, split=True),
    )


def _mixer(
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


def _rank(source: Source, key: str) -> int:
    if source.text.raw(key) in (None, "auto"):
        return math.ceil(source.hidden_size / _RANK_DIVISOR)
    return source.text.int(key, minimum=1)


def _backbone(source: Source, layer: Layer, *, tied: bool) -> Weights:
    return language_model(
        source,
        [layer] * source.num_layers,
        tied=source.is_tied(tied),
        embedding="backbone.embeddings",
        layer_prefix="backbone.layers.{}.",
        on_every_rank=EDGES,
    )
