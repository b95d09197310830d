"""Rnj-1: Gemma 3's layers, most of which attend to their own chunk and the one before (vLLM 0.32, rnj1.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import gated_mlp, norms
from vllm_costmeter.sources.model_config.families.dense.gemma import (
    FOUR_NORMS,
    HEAD_SIZE,
    NORMALIZER,
    gemma_attention,
)
from vllm_costmeter.sources.model_config.families.layers import EDGES, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def rnj1(source: Source) -> Weights:
    """The cache of a layer with chunks is that of a window of `sliding_window` tokens."""
    text, size = source.text, source.head_size(HEAD_SIZE)

    def layer(kind: str) -> Layer:
        window = text.optional_int("sliding_window") if kind == "chunked_attention" else None
        rotary = rotary_table(size, source.max_position, rope_parameters(text, kind))
        return layer_of(
            *gemma_attention(source, source.num_kv_heads, size, rotary, window, qk_norm=True),
            *gated_mlp("mlp", source.hidden_size, source.intermediate_size),
            *norms(source.hidden_size, *FOUR_NORMS),
        )

    return language_model(
        source,
        each_kind(layer_types(text, source.num_layers), layer),
        tied=source.is_tied(True),
        extra_everywhere=(NORMALIZER,),
        on_every_rank=EDGES,
    )
