"""Llama 4: chunked layers with positions, every fourth without; experts on some (vLLM 0.32, llama4.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import Part
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    attention,
    experts,
    gated_mlp,
    norms,
    router,
)
from vllm_costmeter.sources.model_config.families.layers import each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_CHUNK = 8192  # attention_chunk_size of transformers' Llama4TextConfig (5.x); null or 0 switches it off


def llama4(source: Source) -> Weights:
    """Llama 4: experts with one shared on every `interleave_moe_layer_step`-th layer; layers without positions."""
    text = source.text
    count = text.int("num_local_experts", minimum=1)
    step = text.int("interleave_moe_layer_step", default=1)
    routes = [step > 0 and (index + 1) % step == 0 for index in range(source.num_layers)]
    return language_model(source, _layers(source, count, routes), tied=source.is_tied())


def dense_llama4_layers(source: Source) -> list[Layer]:
    """The same layers, none with experts."""
    return _layers(source, 0, [False] * source.num_layers)


def _layers(source: Source, count: int, routed: list[bool]) -> list[Layer]:
    text, hidden = source.text, source.hidden_size
    rotary = rotary_table(source.head_size(), source.max_position, rope_parameters(text))
    is_off = "attention_chunk_size" in text.values and text.raw("attention_chunk_size") is None
    chunk = 0 if is_off else text.int("attention_chunk_size", default=_CHUNK)

    def layer(kind: tuple[bool, bool]) -> Layer:
        routes, rotates = kind
        attends = attention(
            source, "self_attn", rotary if rotates else None, chunk=chunk or None if rotates else None
        )
        half = (
            _llama4_experts(source, count)
            if routes
            else gated_mlp("feed_forward", hidden, text.int("intermediate_size_mlp", minimum=1))
        )
        return layer_of(*attends, *norms(hidden, *TWO_NORMS), *half)

    return each_kind(zip(routed, _rotating(source), strict=True), layer)


def _rotating(source: Source) -> list[bool]:
    """Which layers rotate their positions and attend within a chunk: `no_rope_layers` alone decides both (llama4.py);
    `layer_types` is not asked."""
    text, count = source.text, source.num_layers
    flags = text.optional_list("no_rope_layers")
    if flags:
        if len(flags) < count:
            raise BadInputError(f"{text.name}: no_rope_layers has {len(flags)} entries for {count} layers")
        return [flag != 0 for flag in flags[:count]]
    every = text.int("no_rope_layer_interval", default=4, minimum=1)
    return [(index + 1) % every != 0 for index in range(count)]


def _llama4_experts(source: Source, count: int) -> tuple[Part, ...]:
    hidden, inner = source.hidden_size, source.intermediate_size
    return (
        router("feed_forward.router", hidden, count),
        experts("feed_forward.experts", count, hidden, inner),
        *gated_mlp("feed_forward.shared_expert", hidden, inner),
    )
