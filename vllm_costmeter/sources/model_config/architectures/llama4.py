"""Llama 4: chunked layers with positions, every fourth without; experts on some (vLLM 0.32, llama4.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Part
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.architectures.blocks import (
    attention,
    experts,
    gated_mlp,
    language_model,
    norms,
    router,
)
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_TWO_NORMS = ("input_layernorm", "post_attention_layernorm")


def llama4(source: Source) -> Weights:
    """Llama 4: experts with one shared on every `interleave_moe_layer_step`-th layer; layers without positions."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_local_experts", minimum=1)
    step = text.int("interleave_moe_layer_step", default=1)
    rotary = rotary_table(source.head_size(), source.max_position, rope_parameters(text))
    built: dict[tuple[bool, bool], Layer] = {}
    layers = []
    kinds = layer_types(text, source.num_layers)
    no_rope = text.optional_list("no_rope_layers") or []
    every = text.int("no_rope_layer_interval", default=4, minimum=1)
    for index in range(source.num_layers):
        stated = index < len(no_rope) or (kinds[index] == "full_attention" and len(set(kinds)) > 1)
        no_positions = no_rope[index] == 0 if index < len(no_rope) else stated or (index + 1) % every == 0
        key = (step > 0 and (index + 1) % step == 0, no_positions)
        if key not in built:
            built[key] = Layer(
                (
                    *attention(
                        "self_attn",
                        hidden,
                        source.num_heads,
                        source.num_kv_heads,
                        source.head_size(),
                        None if no_positions else rotary,
                    ),
                    *norms(hidden, *_TWO_NORMS),
                    *(_llama4_experts(source, count) if key[0] else ()),
                    *(() if key[0] else gated_mlp("feed_forward", hidden, _llama4_dense(source))),
                )
            )
        layers.append(built[key])
    return language_model(source, layers, tied=source.is_tied())


def _llama4_dense(source: Source) -> int:
    return source.text.int("intermediate_size_mlp", minimum=1)


def _llama4_experts(source: Source, count: int) -> tuple[Part, ...]:
    hidden, inner = source.hidden_size, source.intermediate_size
    return (
        router("feed_forward.router", hidden, count),
        experts("feed_forward.experts", count, hidden, inner),
        *gated_mlp("feed_forward.shared_expert", hidden, inner),
    )
