"""K2 Horizon: experts, and in layers with experts value projections that are routed too (vLLM 0.32, k2_horizon.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import AttentionScales, Linear, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    QKNorm,
    attention,
    column,
    experts,
    gated_mlp,
    head_cache,
    norms,
    replicated,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.layers import (
    EDGES,
    Block,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.moe.qwen import routes
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import model_window
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_MOST_VALUE_EXPERTS = 1024  # published models have fewer than 100; more is a corrupt file


def k2_horizon(source: Source) -> Weights:
    """`mova_num_experts` value projections per layer with experts, 0: none."""
    text, hidden = source.text, source.hidden_size
    values = text.int("mova_num_experts", default=0, maximum=_MOST_VALUE_EXPERTS)
    has_experts = text.int("num_experts", default=0) > 0

    def layer(is_sparse: bool) -> Layer:
        half = _experts(source) if is_sparse else gated_mlp("mlp", hidden, source.intermediate_size)
        mixer = _routed_values(source, values) if is_sparse and values else _attention(source)
        return layer_of(*mixer, *_gate(source), *half, *norms(hidden, *TWO_NORMS))

    kinds = [has_experts and each for each in routes(source)]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied(), on_every_rank=EDGES)


def _attention(source: Source) -> Block:
    text = source.text
    bias = text.bool("attention_bias", default=False)
    norm: QKNorm = "all" if text.bool("query_key_norm", default=False) else "none"
    return attention(
        source,
        "self_attn",
        rotary_table(_rotated(source), source.max_position, rope_parameters(text)),
        bias=bias,
        out_bias=bias,
        qk_norm=norm,
        window=model_window(source),
    )


def _rotated(source: Source) -> int:
    """Values of a head that turn with the position."""
    return source.text.optional_int("rope_head_dim", minimum=1) or source.head_size()


def _routed_values(source: Source, count: int) -> Block:
    """Queries and keys as elsewhere; each token's values come from a few of `count` projections."""
    text, hidden, size = source.text, source.hidden_size, source.head_size()
    heads, kv_heads = Output(source.num_heads, size), Output(source.num_kv_heads, size, replicated=True)
    bias, name = text.bool("attention_bias", default=False), "self_attn"
    parts: Block = (
        Linear(f"{name}.qk_proj", hidden, (heads, kv_heads), "column", bias, fused_from=("q_proj", "k_proj")),
        replicated(f"{name}.v_router", hidden, count),
        *(Linear(f"{name}.v_experts.{index}", hidden, (kv_heads,), "column") for index in range(count)),
        row(f"{name}.o_proj", source.num_heads * size, hidden, bias),
        AttentionScales(f"{name}.attn"),
        head_cache(source.num_kv_heads, size, window=model_window(source)),
        rotary_table(_rotated(source), source.max_position, rope_parameters(text)),
    )
    if text.bool("moe_gate_bias", default=False):
        parts = (*parts, Tensor(f"{name}.v_router.bias", count, element_bytes=FLOAT32_BYTES))
    if text.bool("query_key_norm", default=False):
        parts = (
            *parts,
            Tensor(f"{name}.q_norm", source.num_heads, size, split=True),
            Tensor(f"{name}.k_norm", source.num_kv_heads, size, split=True, replicated=True),
        )
    return parts


def _gate(source: Source) -> Block:
    if source.text.optional_str("attention_gate_func") is None:
        return ()
    return (column("self_attn.gate_proj", source.hidden_size, source.num_heads * source.head_size()),)


def _experts(source: Source) -> Block:
    text, hidden = source.text, source.hidden_size
    count, inner = text.int("num_experts", minimum=1), text.int("moe_intermediate_size", minimum=1)
    shared = text.int("num_shared_experts", default=0)
    bias = Tensor("mlp.gate.bias", count, element_bytes=FLOAT32_BYTES)
    return (
        router("mlp.gate", hidden, count),
        *((bias,) if text.bool("moe_gate_bias", default=False) else ()),
        experts("mlp.experts", count, hidden, inner),
        *(gated_mlp("mlp.shared_experts", hidden, inner * shared) if shared else ()),
    )
