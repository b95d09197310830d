"""Flint: windows with rotary positions, full attention without, a sink per head, experts beside a shared one (vLLM
0.33, models/flint)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    attention,
    experts,
    gated_mlp,
    norms,
    router,
)
from vllm_costmeter.sources.model_config.families.layers import (
    EDGES,
    Block,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_HEAD_SIZE, _WINDOW = 128, 513  # head_dim and sliding_window defaults of vLLM's FlintConfig


def flint(source: Source) -> Weights:
    """`layer_types`, `no_rope_layer_indices` and `mlp_only_layers` say what each layer has; the head is its own."""
    text, hidden = source.text, source.hidden_size
    size = source.head_size(_HEAD_SIZE)
    table = rotary_table(size, source.max_position, rope_parameters(text), element_bytes=FLOAT32_BYTES)
    unrotated = set(text.optional_list("no_rope_layer_indices") or ())
    dense = set(text.optional_list("mlp_only_layers") or ())
    window = None
    if text.bool("use_sliding_window", default=True):
        window = text.int("sliding_window", default=_WINDOW, minimum=1)

    def layer(kind: tuple[bool, bool, bool]) -> Layer:
        slides, is_rotated, is_dense = kind
        return layer_of(
            *attention(
                source,
                "self_attn",
                table if is_rotated else None,
                head_size=size,
                bias=text.bool("attention_bias", default=False),
                qk_norm="head",
                window=window if slides else None,
            ),
            Tensor("self_attn.softmax_offset", source.num_heads, split=True, element_bytes=FLOAT32_BYTES),
            *(gated_mlp("mlp", hidden, source.intermediate_size) if is_dense else _experts(source)),
            *norms(hidden, *TWO_NORMS),
        )

    kinds = [
        (kind == "sliding_attention", index not in unrotated, index in dense)
        for index, kind in enumerate(layer_types(text, source.num_layers))
    ]
    return language_model(source, each_kind(kinds, layer), tied=False, on_every_rank=EDGES)


def _experts(source: Source) -> Block:
    text, hidden = source.text, source.hidden_size
    count = text.int("num_experts", minimum=1)
    return (
        router("mlp.gate", hidden, count),
        experts("mlp.experts", count, hidden, text.int("moe_intermediate_size", minimum=1)),
        *gated_mlp("mlp.shared_expert", hidden, text.int("shared_expert_intermediate_size", minimum=1)),
    )
