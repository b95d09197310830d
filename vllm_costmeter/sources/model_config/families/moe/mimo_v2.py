"""MiMo V2: sliding layers with heads of their own, then experts (vLLM 0.32, mimo_v2.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import Embedding, Linear, Part, Tensor
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
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.prediction import extended, joined, predictor
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rope_parameters, rotary_table


def mimo_v2(source: Source) -> Weights:
    """MiMo V2: sliding layers with their own head counts, value heads narrower than key heads, dense first layers."""
    text, hidden = source.text, source.hidden_size
    count = text.int("n_routed_experts", minimum=1)
    slides = _per_layer(source, "hybrid_layer_pattern")
    # is_moe_layer in mimo_v2.py: dense where no list says that a layer routes
    routes = (
        _per_layer(source, "moe_layer_freq")
        if isinstance(text.raw("moe_layer_freq"), list)
        else [0] * len(slides)
    )

    def layer(kind: tuple[bool, bool]) -> Layer:
        slides, routes = kind
        return layer_of(
            *_mimo_attention(source, sliding=slides),
            *norms(hidden, *TWO_NORMS),
            *(_mimo_experts(source, count) if routes else gated_mlp("mlp", hidden, source.intermediate_size)),
        )

    kinds = [(slide == 1, bool(route)) for slide, route in zip(slides, routes, strict=True)]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied())


def _prediction_layer(source: Source) -> Layer:
    """A sliding layer with a dense MLP, whose output projection vLLM leaves unquantized."""
    attends = tuple(
        replace(part, quantized=False)
        if isinstance(part, Linear) and part.name == "self_attn.o_proj"
        else part
        for part in _mimo_attention(source, sliding=True)
    )
    half = gated_mlp("mlp", source.hidden_size, source.intermediate_size)
    return layer_of(*attends, *half, *norms(source.hidden_size, *TWO_NORMS))


def _mimo_attention(source: Source, *, sliding: bool) -> Block:
    text = source.text
    swa = "swa_" if sliding else ""
    heads, kv_heads, head_size = source.num_heads, source.num_kv_heads, source.head_size()
    window = None
    if sliding:
        heads, kv_heads, head_size = (
            text.int(key, minimum=1)
            for key in ("swa_num_attention_heads", "swa_num_key_value_heads", "swa_head_dim")
        )
        window = text.int("sliding_window_size", "sliding_window", minimum=1)
    parameters = rope_parameters(text)
    if sliding:
        theta = text.raw("swa_rope_theta")
        parameters = RopeParameters(
            "default", None, None, parameters.partial_rotary_factor, False, f"{theta}"
        )
    rotary = rotary_table(head_size, source.max_position, parameters)
    parts = attention(
        source,
        "self_attn",
        rotary,
        heads=heads,
        kv_heads=kv_heads,
        head_size=head_size,
        bias=text.bool("attention_bias", default=False),
        v_head_size=text.int(f"{swa}v_head_dim", default=head_size, minimum=1),
        window=window,
    )
    kind = "swa" if sliding else "full"
    if text.bool(f"add_{kind}_attention_sink_bias", default=False):
        return (*parts, Tensor("self_attn.attention_sink_bias", heads, split=True))
    return parts


def _mimo_experts(source: Source, count: int) -> tuple[Part, ...]:
    inner = source.text.int("moe_intermediate_size", minimum=1)
    return (
        router("mlp.gate", source.hidden_size, count, float32=True),
        Tensor("mlp.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES),
        experts("mlp.experts", count, source.hidden_size, inner),
    )


def _per_layer(source: Source, key: str) -> Sequence[Any]:
    values = source.text.optional_list(key) or ()
    if len(values) < source.num_layers:
        raise BadInputError(f"{source.text.name}: {source.text.path}{key} needs one entry per layer")
    return values[: source.num_layers]


def prediction(source: Source, target: Weights, count: int) -> Weights:
    """A dense layer with a window."""
    join = joined(source, "eh_proj", "enorm", "hnorm", "final_layernorm")
    layer = extended(_prediction_layer(source), *join)
    own = Embedding("lm_head", source.vocab_size, source.hidden_size)
    return predictor(source, target, [layer] * count, prefix="model.mtp.layers.{}.", last=(own,))


# _MIMO_V2_FLASH_NUM_MTP_LAYERS of vLLM 0.32: one of several is loaded
MIMO_V2 = Family(mimo_v2, prediction=prediction, prediction_count=1)
