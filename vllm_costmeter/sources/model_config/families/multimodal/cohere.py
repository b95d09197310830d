"""Cohere's North models that see: Cohere's decoder behind Qwen3-VL's tower (vLLM 0.32, cohere_compass.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import EDGES, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.multimodal.qwen import QWEN_VL_NAMES
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table
from vllm_costmeter.sources.model_config.towers.qwen_vl import qwen3_vl


def cohere_compass(source: Source) -> Weights:
    """Kinds of layers without rotary parameters have no positions; the tables end with the served context."""
    text, hidden = source.text, source.hidden_size
    bias, window = text.bool("attention_bias", default=False), text.int("sliding_window", minimum=1)
    rest = (*gated_mlp("mlp", hidden, source.intermediate_size), *norms(hidden, "input_layernorm"))
    stated = text.optional_section("rope_parameters")

    def layer(kind: str) -> Layer:
        table = rotary_table(
            source.head_size(), source.max_position, rope_parameters(text, kind), ends_with_context=True
        )
        rotary = table if stated is not None and stated.has(kind) else None
        width = window if kind == "sliding_attention" else None
        return layer_of(
            *attention(source, "self_attn", rotary, bias=bias, out_bias=bias, window=width), *rest
        )

    layers = each_kind(layer_types(text, source.num_layers), layer)
    return language_model(source, layers, tied=True, on_every_rank=EDGES)


COHERE_COMPASS = Family(cohere_compass, qwen3_vl, QWEN_VL_NAMES)
