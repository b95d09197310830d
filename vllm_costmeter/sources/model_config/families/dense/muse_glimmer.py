"""Muse Glimmer: an output gate, windows with rotary positions, full attention without (vLLM 0.32, muse_glimmer.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, column, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.dense.gemma import FOUR_NORMS
from vllm_costmeter.sources.model_config.families.layers import EDGES, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_FULL_EVERY = 4  # counted from the last layer, transformers' MuseGlimmerTextConfig (5.x)

_HEAD_SIZE, _WINDOW = 128, 2048  # head_dim and sliding_window of the same


def muse_glimmer(source: Source) -> Weights:
    """`layer_types` says which layers have a window, `layer_rope_theta` which have positions; where the file is silent,
    every fourth counted from the last has neither, or those that `no_rope_layers` says (0.28 to 0.32)."""
    text, hidden, count = source.text, source.hidden_size, source.num_layers
    size = source.head_size(_HEAD_SIZE)
    table = rotary_table(size, source.max_position, rope_parameters(text))

    def layer(kind: tuple[bool, bool]) -> Layer:
        slides, is_rotated = kind
        window = text.int("sliding_window", default=_WINDOW, minimum=1) if slides else None
        return layer_of(
            *attention(source, "self_attn", table if is_rotated else None, head_size=size, window=window),
            column("self_attn.output_gate_proj", hidden, source.num_heads * size),
            *gated_mlp("mlp", hidden, source.intermediate_size),
            *norms(hidden, *FOUR_NORMS),
        )

    older = text.optional_list("no_rope_layers")
    regular = [(count - 1 - index) % _FULL_EVERY != 0 for index in range(count)]
    if older is not None:
        regular = [bool(flag) for flag in _one_per_layer(source, "no_rope_layers", older)]
    kinds = layer_types(text, count) if text.has("layer_types") else None
    slides = regular if kinds is None else [kind == "sliding_attention" for kind in kinds]
    thetas = text.optional_list("layer_rope_theta")
    rotated = (
        regular
        if thetas is None
        else [bool(theta) for theta in _one_per_layer(source, "layer_rope_theta", thetas)]
    )
    layers = each_kind(zip(slides, rotated, strict=True), layer)
    return language_model(source, layers, tied=False, on_every_rank=EDGES)


def _one_per_layer(source: Source, key: str, values: Sequence[Any]) -> Sequence[Any]:
    if len(values) < source.num_layers:
        raise BadInputError(f"{source.text.name}: {source.text.path}{key} needs one entry per layer")
    return values[: source.num_layers]
