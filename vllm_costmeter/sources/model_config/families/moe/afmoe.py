"""Trinity (vLLM 0.32, afmoe.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, column, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.dense.style import Style, dense_attention, style_rotary
from vllm_costmeter.sources.model_config.families.layers import each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.moe.routed import routed
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import as_stated
from vllm_costmeter.sources.model_config.layer_types import layer_types

_FOUR_NORMS = (*TWO_NORMS, "pre_mlp_layernorm", "post_mlp_layernorm")


def afmoe(source: Source) -> Weights:
    """Trinity (AFMoE): gated attention, four norms; only sliding layers rotate their positions."""
    hidden, size = source.hidden_size, source.head_size()
    style = Style(qk_norm="head")
    gate = column("self_attn.gate_proj", hidden, source.num_heads * size)
    half = routed(source, "num_experts", "num_shared_experts", float32=True, correction="mlp")
    first = source.text.int("num_dense_layers", default=0)
    table = style_rotary(source, style)
    count = source.num_layers

    def layer(kind: tuple[bool, int | None, bool]) -> Layer:
        rotates, window, is_dense = kind
        mixed = gated_mlp("mlp", hidden, source.intermediate_size) if is_dense else half
        attends = dense_attention(source, style, table if rotates else None, window)
        return layer_of(*attends, gate, *mixed, *norms(hidden, *_FOUR_NORMS))

    kinds = [
        (kind == "sliding_attention", window, index < first)
        for index, (kind, window) in enumerate(
            zip(layer_types(source.text, count), as_stated(source), strict=True)
        )
    ]
    layers = each_kind(kinds, layer)
    return language_model(source, layers, tied=source.is_tied())
