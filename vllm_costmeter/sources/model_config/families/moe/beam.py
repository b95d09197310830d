"""Beam: windows with rotary positions, full attention without, an output gate, experts (vLLM 0.33, models/beam)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.model.parts import Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    attention,
    column,
    experts,
    gated_mlp,
    norms,
    router,
)
from vllm_costmeter.sources.model_config.families.dense.gemma import FOUR_NORMS
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rope_parameters, rotary_table

_WINDOW = 4096  # sliding_window default of vLLM's BeamConfig


def beam(source: Source) -> Weights:
    """`layer_types` and `mlp_layer_types` say what each layer has: windows and experts where the file is silent."""
    text, hidden, count = source.text, source.hidden_size, source.num_layers
    size = source.head_size()
    table = rotary_table(size, source.max_position, _parameters(text), element_bytes=FLOAT32_BYTES)

    def layer(kind: tuple[bool, bool]) -> Layer:
        slides, is_dense = kind
        window = text.int("sliding_window", default=_WINDOW, minimum=1) if slides else None
        rotary = table if slides else None
        return layer_of(
            *attention(source, "self_attn", rotary, head_size=size, qk_norm="head", window=window),
            column("self_attn.output_gate_proj", hidden, source.num_heads * size),
            Tensor("self_attn.gate_bias", source.num_heads, split=True),
            *(gated_mlp("mlp", hidden, source.intermediate_size) if is_dense else _experts(source)),
            *norms(hidden, *FOUR_NORMS),
        )

    slides = [kind == "sliding_attention" for kind in layer_types(text, count)]
    if not text.has("layer_types"):
        slides = [True] * count
    halves = text.optional_list("mlp_layer_types") or ["sparse"] * count
    dense = [index < len(halves) and halves[index] == "dense" for index in range(count)]
    return language_model(source, each_kind(zip(slides, dense, strict=True), layer), tied=source.is_tied())


def _parameters(text: ConfigReader) -> RopeParameters:
    """Of the one kind of layer that has some."""
    section = text.optional_section("rope_parameters")
    values: Mapping[str, Any] = section.values if section is not None else {}
    own = [value for value in values.values() if isinstance(value, Mapping)]
    stated = {"rope_parameters": own[0] if own else values}
    return rope_parameters(ConfigReader(stated, text.name, text.path))


def _experts(source: Source) -> Block:
    text, hidden = source.text, source.hidden_size
    count = text.int("num_experts", minimum=1)
    return (
        router("mlp.gate", hidden, count, float32=True),
        Tensor("mlp.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES),
        experts("mlp.experts", count, hidden, text.int("moe_intermediate_size", minimum=1)),
    )
