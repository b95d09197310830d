"""Muse Spark: an output gate beside the projections, experts in a narrower space, gated residuals (vLLM 0.33,
models/muse_spark)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Linear, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    experts,
    gated_mlp,
    head_cache,
    norms,
    replicated,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.layers import (
    Block,
    Converted,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.source import Source


def muse_spark(source: Source) -> Weights:
    """`layer_types`, `layer_rope_theta` and `mlp_layer_types` say what each layer has."""
    hidden = source.hidden_size

    def layer(kind: tuple[bool, bool, bool]) -> Layer:
        slides, is_rotated, is_sparse = kind
        half = _experts(source) if is_sparse else gated_mlp("feed_forward", hidden, source.intermediate_size)
        return layer_of(
            *_attention(source, slides=slides, is_rotated=is_rotated),
            *half,
            *norms(hidden, "self_attn.pre_qkv_proj_norm", "pre_ffn_norm", "post_ffn_norm"),
            *_residual(hidden, "add_attn"),
            *_residual(hidden, "add_ffn"),
        )

    kinds = zip(
        (kind == "sliding_attention" for kind in _entries(source, "layer_types")),
        (bool(theta) for theta in _entries(source, "layer_rope_theta")),
        (kind == "sparse" for kind in _entries(source, "mlp_layer_types")),
        strict=True,
    )
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied())


def _entries(source: Source, key: str) -> Sequence[Any]:
    values = source.text.optional_list(key) or ()
    if len(values) < source.num_layers:
        raise BadInputError(f"{source.text.name}: {source.text.path}{key} needs one entry per layer")
    return values[: source.num_layers]


def _attention(source: Source, *, slides: bool, is_rotated: bool) -> Block:
    """KV heads are divided, never repeated. Each layer has a float32 rotary table of its own."""
    size, name = source.head_size(), "self_attn"
    heads, kv_heads = Output(source.num_heads, size), Output(source.num_kv_heads, size)
    table = Buffer(f"{name}.rotary_emb", source.max_position * size, FLOAT32_BYTES)
    window = source.text.int("sliding_window", minimum=1) if slides else None
    return (
        Linear(
            f"{name}.qkv_proj",
            source.hidden_size,
            (heads, kv_heads, kv_heads, heads),
            "column",
            fused_from=("q_proj", "k_proj", "v_proj", "gate_proj"),
        ),
        row(f"{name}.o_proj", source.num_heads * size, source.hidden_size),
        AttentionScales(f"{name}.attn"),
        head_cache(source.num_kv_heads, size, window=window),
        *((table,) if is_rotated else ()),
    )


def _experts(source: Source) -> Block:
    text, hidden, name = source.text, source.hidden_size, "feed_forward"
    count, inner = text.int("num_local_experts", minimum=1), text.int("moe_hidden_size", minimum=1)
    return (
        router(f"{name}.router", hidden, count, float32=True),
        Buffer(f"{name}.expert_bias", count, FLOAT32_BYTES),
        replicated(f"{name}.pooler", hidden, inner, quantized=False),
        replicated(f"{name}.unpooler", inner, hidden, quantized=False),
        *norms(inner, f"{name}.pre_expert_norm", f"{name}.post_expert_norm"),
        experts(f"{name}.experts", count, inner, text.int("moe_intermediate_size", minimum=1)),
    )


def _residual(hidden: int, name: str) -> Block:
    """A gate per channel, and the two coefficients that vLLM keeps of it once it is loaded."""
    coefficients = Tensor(f"{name}.alpha, beta", 2 * hidden, element_bytes=FLOAT32_BYTES)
    return Tensor(f"{name}.gate", hidden), Converted(coefficients)
