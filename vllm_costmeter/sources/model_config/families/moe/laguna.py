"""Laguna: windows with heads and rotation of their own, gated heads, experts beside a shared one (vLLM 0.26 to 0.33,
laguna.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import Buffer, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    attention,
    column,
    experts,
    norms,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types, width_of_layer
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rope_parameters, rotary_table

_DEFAULT_ROPE = {
    "full_attention": {"rope_theta": 500000.0, "partial_rotary_factor": 0.5},
    "sliding_attention": {"rope_theta": 10000.0, "partial_rotary_factor": 1.0},
}
"""Of transformers' LagunaConfig, 5.17 to 5.19."""


def laguna(source: Source) -> Weights:
    """`layer_types` name the windows, `mlp_layer_types` the layers with experts (all but the first by default)."""
    text, hidden = source.text, source.hidden_size

    def layer(kind: tuple[bool, int, bool]) -> Layer:
        is_sliding, heads, routes = kind
        half = _experts(source) if routes else _mlp("mlp", hidden, source.intermediate_size)
        return layer_of(*_attention(source, is_sliding, heads), *norms(hidden, *TWO_NORMS), *half)

    has_experts = text.int("num_experts") > 0
    kinds = [
        (kind == "sliding_attention", _heads(source, index), has_experts and _routes(source, index))
        for index, kind in enumerate(layer_types(text, source.num_layers))
    ]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied())


def _heads(source: Source, index: int) -> int:
    key = "num_attention_heads_per_layer"
    return width_of_layer(source.text, key, index) if source.text.has(key) else source.num_heads


def _routes(source: Source, index: int) -> bool:
    text = source.text
    kinds = text.optional_list("mlp_layer_types")
    if kinds is None:
        return index > 0
    if index >= len(kinds):
        raise BadInputError(
            f"{text.name}: {text.path}mlp_layer_types has {len(kinds)} entries, layer {index} has none"
        )
    return str(kinds[index]) == "sparse"


def _attention(source: Source, is_sliding: bool, heads: int) -> Block:
    text = source.text
    bias = text.bool("attention_bias", default=False)
    size = source.head_size()
    parts = attention(
        source,
        "self_attn",
        _rotary(source, size, is_sliding),
        heads=heads,
        bias=bias,
        out_bias=bias,
        qk_norm="head",
        window=text.int("sliding_window", minimum=1) if is_sliding else None,
    )
    gating = text.raw("gating")
    if gating is None or gating:
        per_head = gating in (None, True, "per-head")
        gate = column("self_attn.g_proj", source.hidden_size, heads if per_head else heads * size)
        parts = (*parts, gate)
    if is_sliding and text.bool("swa_attention_sink_enabled", default=False):
        parts = (*parts, Tensor("self_attn.sink", heads, split=True))
    return parts


def _rotary(source: Source, size: int, is_sliding: bool) -> Buffer:
    return rotary_table(size, source.max_position, _parameters(source.text, is_sliding))


def _parameters(text: ConfigReader, is_sliding: bool) -> RopeParameters:
    """One set per kind of layer, one for all, or one for all but the windows (`swa_rope_parameters`)."""
    section = text.optional_section("rope_parameters")
    values = _DEFAULT_ROPE if section is None else section.values
    own = text.optional_section("swa_rope_parameters") if is_sliding else None
    if own is not None:
        values = own.values
    elif any(isinstance(value, dict) for value in values.values()):
        kind = "sliding_attention" if is_sliding else "full_attention"
        values = values.get(kind) or values.get("full_attention") or {}
    share = text.raw("partial_rotary_factor")
    stated = {"rope_parameters": values, "partial_rotary_factor": share}
    return rope_parameters(ConfigReader(stated, text.name, text.path))


def _mlp(name: str, hidden: int, width: int) -> tuple[Part, ...]:
    """Gate and up projections that vLLM does not fuse here."""
    return (
        column(f"{name}.gate_proj", hidden, width),
        column(f"{name}.up_proj", hidden, width),
        row(f"{name}.down_proj", width, hidden),
    )


def _experts(source: Source) -> Block:
    text, hidden = source.text, source.hidden_size
    count, inner = text.int("num_experts", minimum=1), text.int("moe_intermediate_size", minimum=1)
    shared = text.int("shared_expert_intermediate_size")
    return (
        router("mlp.gate", hidden, count),
        experts("mlp.experts", count, hidden, inner),
        Tensor("mlp.experts.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES),
        *(_mlp("mlp.shared_expert", hidden, shared) if shared else ()),
    )
