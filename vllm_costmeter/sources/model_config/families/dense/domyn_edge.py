"""Domyn Edge: windows, positions and head sizes of each layer's own (vLLM 0.33, domyn_edge.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import attention, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_NORMS = ("pre_attention_norm", "post_attention_norm", "pre_feedforward_norm", "post_feedforward_norm")


def _domyn_edge(source: Source) -> Weights:
    """`position_layers`, `window_sizes` and `per_layer_config` have one entry per layer; keys alone are normalized by
    a weight, and the rotary table is float32."""
    text, hidden = source.text, source.hidden_size

    def layer(kind: tuple[bool, int, int]) -> Layer:
        is_rotated, size, window = kind
        parameters = rope_parameters(text)
        table = rotary_table(size, source.max_position, parameters, element_bytes=FLOAT32_BYTES)
        # a window of (w, 0) keeps w tokens before the present one
        return layer_of(
            *attention(
                source,
                "attention",
                table if is_rotated else None,
                head_size=size,
                window=window + 1 if window > 0 else None,
            ),
            *norms(size, "attention.k_norm"),
            *gated_mlp("feedforward", hidden, source.intermediate_size),
            *norms(hidden, *_NORMS),
        )

    positions = _entries(source, "position_layers")
    windows = [_first(source, each) for each in _entries(source, "window_sizes")]
    sizes = [_head_size(source, index) for index in range(source.num_layers)]
    kinds = [
        (kind == "rope", size, window) for kind, size, window in zip(positions, sizes, windows, strict=True)
    ]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied())


def _entries(source: Source, key: str) -> Sequence[Any]:
    values = source.text.optional_list(key) or ()
    if len(values) < source.num_layers:
        raise BadInputError(f"{source.text.name}: {source.text.path}{key} needs one entry per layer")
    return values[: source.num_layers]


def _first(source: Source, window: Any) -> int:
    """Tokens before the present one; -1: all."""
    if isinstance(window, Sequence) and window and isinstance(window[0], int):
        return window[0]
    raise BadInputError(
        f"{source.text.name}: {source.text.path}window_sizes must hold pairs of whole numbers"
    )


def _head_size(source: Source, index: int) -> int:
    own = source.text.optional_section("per_layer_config")
    values = own.values.get(str(index)) if own is not None else None
    if isinstance(values, dict) and "head_dim" in values:
        return ConfigReader(values, source.text.name, f"per_layer_config.{index}.").int("head_dim", minimum=1)
    return source.head_size()


DOMYN_EDGE = Family(_domyn_edge, is_pipelined=False)
