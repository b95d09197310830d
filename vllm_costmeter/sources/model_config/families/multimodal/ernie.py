"""ERNIE 4.5 VL: experts for words beside experts for pictures (vLLM 0.32, ernie45_vl_moe.py)."""

from __future__ import annotations

from functools import lru_cache

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, experts, gated_mlp, norms, router
from vllm_costmeter.sources.model_config.families.dense.style import Style, dense_attention
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import language_model, layer_of
from vllm_costmeter.sources.model_config.families.multimodal.qwen import BOTH
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.ernie import ernie_vl

_NAMES = (
    ("model.resampler_model.", "resampler_model."),
    ("lm_head.", "language_model.lm_head."),
    ("model.", "language_model.model."),
)
_TABLE_POSITIONS = 4  # rows per position in the rotary table, of which each layer has its own (mrope.py)
_KINDS = ("text", "vision")


def ernie_vl_moe(source: Source) -> Weights:
    """Each of the two kinds of experts stands on a range of layers of its own; outside its range, on a layer where the
    other kind stands, a dense MLP takes its place."""
    text = source.text
    last = source.num_layers - 1
    starts, ends = _two(source, "moe_layer_start_index"), _two(source, "moe_layer_end_index", last)
    every = text.int("moe_layer_interval", default=1, minimum=1)
    hidden, bias = source.hidden_size, text.bool("use_bias", default=False)
    table = Buffer("self_attn.rotary_emb", _TABLE_POSITIONS * source.max_position * source.head_size())
    shared = (
        *dense_attention(source, Style(bias_key="use_bias", out_bias=False), table),
        *norms(hidden, *TWO_NORMS),
    )

    @lru_cache
    def layer(routes: tuple[bool, ...] | None) -> Layer:
        if routes is None:
            return layer_of(*shared, *gated_mlp("mlp", hidden, source.intermediate_size, bias))
        return layer_of(*shared, *_experts(source, routes, bias))

    used = text.bool("use_moe", default=max(_two(source, "moe_num_experts")) > 0)
    layers = [
        layer(
            tuple(start <= index <= end for start, end in zip(starts, ends, strict=True))
            if used and (index + 1) % every == 0 and min(starts) <= index <= max(ends)
            else None
        )
        for index in range(source.num_layers)
    ]
    return language_model(source, layers, tied=source.is_tied(True))


def _experts(source: Source, routes: tuple[bool, ...], bias: bool) -> tuple[Part, ...]:
    text, hidden = source.text, source.hidden_size
    counts, widths = _two(source, "moe_num_experts"), _two(source, "moe_intermediate_size")
    parts: list[Part] = [Tensor("mlp.e_score_correction_bias", 2 * counts[0], element_bytes=FLOAT32_BYTES)]
    for kind, is_routed, count, width in zip(_KINDS, routes, counts, widths, strict=True):
        if is_routed:
            parts.append(router(f"mlp.{kind}_experts_gate", hidden, count, float32=True))
            parts.append(experts(f"mlp.{kind}_experts", count, hidden, width))
        else:
            parts += gated_mlp(f"mlp.{kind}_experts", hidden, source.intermediate_size, bias)
    common = text.int("moe_num_shared_experts", default=0)
    return (*parts, *gated_mlp("mlp.shared_experts", hidden, widths[0] * common)) if common else tuple(parts)


def _two(source: Source, key: str, default: int | None = None) -> tuple[int, int]:
    """What a key says of words and of pictures."""
    if default is not None and not source.text.has(key):
        return default, default
    values = source.text.optional_list(key) or []
    if len(values) != 2 or not all(isinstance(value, int) and value >= 0 for value in values):
        raise NotUnderstoodError(
            f"{source.root.name}: {key} is no pair of numbers, one of words and one of pictures"
        )
    return values[0], values[1]


ERNIE4_5_VL = Family(ernie_vl_moe, ernie_vl, _NAMES, BOTH)
