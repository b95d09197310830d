"""MiMo V2: sliding layers with heads of their own, then experts (vLLM 0.32, mimo_v2.py)."""

from __future__ import annotations

from dataclasses import replace

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import Linear, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.architectures.blocks import (
    attention,
    experts,
    gated_mlp,
    language_model,
    norms,
    router,
)
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rope_parameters, rotary_table

_TWO_NORMS = ("input_layernorm", "post_attention_layernorm")


def mimo_v2(source: Source) -> Weights:
    """MiMo V2: sliding layers with their own head counts, value heads narrower than key heads, dense first layers."""
    text, hidden = source.text, source.hidden_size
    count = text.int("n_routed_experts", minimum=1)
    swa = text.optional_list("hybrid_layer_pattern") or [0] * source.num_layers
    sparse = text.optional_list("moe_layer_freq") or [1] * source.num_layers
    _need(source, "hybrid_layer_pattern", swa)
    _need(source, "moe_layer_freq", sparse)
    built: dict[tuple[bool, bool], Layer] = {}
    layers = []
    for index in range(source.num_layers):
        key = (swa[index] == 1, bool(sparse[index]))
        if key not in built:
            built[key] = Layer(
                (
                    *_mimo_attention(source, sliding=key[0]),
                    *norms(hidden, *_TWO_NORMS),
                    *(_mimo_experts(source, count) if key[1] else ()),
                    *(() if key[1] else gated_mlp("mlp", hidden, source.intermediate_size)),
                )
            )
        layers.append(built[key])
    return language_model(source, layers, tied=source.is_tied())


def prediction_layer(source: Source) -> Layer:
    """A sliding layer with a dense MLP, whose output projection vLLM leaves unquantized."""
    attends = tuple(
        replace(part, quantized=False)
        if isinstance(part, Linear) and part.name == "self_attn.o_proj"
        else part
        for part in _mimo_attention(source, sliding=True)
    )
    half = gated_mlp("mlp", source.hidden_size, source.intermediate_size)
    return Layer((*attends, *half, *norms(source.hidden_size, *_TWO_NORMS)))


def _mimo_attention(source: Source, *, sliding: bool) -> tuple[Part, ...]:
    text = source.text
    swa = "swa_" if sliding else ""
    heads = text.int(f"{swa}num_attention_heads", default=source.num_heads, minimum=1)
    head_size = text.int(f"{swa}head_dim", default=source.head_size(), minimum=1)
    parameters = rope_parameters(text)
    if sliding:
        theta = text.raw("swa_rope_theta")
        parameters = RopeParameters(
            "default", None, None, parameters.partial_rotary_factor, False, f"{theta}"
        )
    rotary = rotary_table(head_size, source.max_position, parameters)
    parts = attention(
        "self_attn",
        source.hidden_size,
        heads,
        text.int(f"{swa}num_key_value_heads", default=source.num_kv_heads, minimum=1),
        head_size,
        rotary,
        bias=text.bool("attention_bias", default=False),
        v_head_size=text.int(f"{swa}v_head_dim", "v_head_dim", default=head_size, minimum=1),
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


def _need(source: Source, key: str, values: object) -> None:
    if not isinstance(values, list) or len(values) < source.num_layers:
        raise BadInputError(f"{source.text.name}: {source.text.path}{key} needs one entry per layer")
