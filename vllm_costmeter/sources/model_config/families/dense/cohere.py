"""Command-R and Command-R7B/A: attention and MLP side by side behind one norm (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.layers import EDGES, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import (
    Windows,
    by_type,
    full_everywhere,
    stated_window,
)
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_COHERE_FULL_EVERY = 4  # layer_types of transformers' Cohere2Config, 5.x


def cohere(source: Source) -> Weights:
    """Command-R and Command-R7B/A: attention and MLP side by side behind one norm; the head is the embedding."""
    head_size = source.head_size()
    rotary = rotary_table(head_size, source.max_position, rope_parameters(source.text))
    with_norms = source.text.bool("use_qk_norm", default=False)
    rest = (
        *gated_mlp("mlp", source.hidden_size, source.intermediate_size),
        *norms(source.hidden_size, "input_layernorm"),
    )

    def layer(window: int | None) -> Layer:
        attends = attention(
            "self_attn",
            source.hidden_size,
            source.num_heads,
            source.num_kv_heads,
            head_size,
            rotary,
            qk_norm="all" if with_norms else "none",
            window=window,
        )
        return layer_of(*attends, *rest)

    layers = each_kind(cohere_windows(source), layer)
    return language_model(source, layers, tied=source.is_tied(True), on_every_rank=EDGES)


def cohere_windows(source: Source) -> Windows:
    """A window in three of four layers where one is stated, one token wider than that (`cohere2.py`)."""
    window = stated_window(source.text)
    if window is None:
        return full_everywhere(source)
    return by_type(layer_types(source.text, source.num_layers, _COHERE_FULL_EVERY), window + 1)
