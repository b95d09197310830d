"""Molmo and Molmo 2, whose tables hold tokens that the head cannot name (vLLM 0.32: molmo.py, molmo2.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import Embedding, Part
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    QKNorm,
    attention,
    column,
    gated_mlp,
    norms,
    row,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import each_kind, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rope_parameters, rotary_table
from vllm_costmeter.sources.model_config.towers.molmo import molmo as tower_molmo
from vllm_costmeter.sources.model_config.towers.molmo import molmo2 as tower_molmo2

_ADDED = 128  # ADDITIONAL_VOCAB_SIZE
_NAMES = (
    ("model.vision_backbone.", "vision_backbone."),
    ("model.transformer.blocks.", "language_model.model.layers."),
    ("model.transformer.ln_f.", "language_model.model.norm."),
    ("model.transformer.ff_out.", "language_model.lm_head."),
    ("lm_head.", "language_model.lm_head."),
)


def _molmo(source: Source) -> Weights:
    text, hidden = source.text, source.hidden_size
    rotary = rotary_table(source.head_size(), source.max_position, rope_parameters(text))
    layer = layer_of(
        *attention(
            source,
            "self_attn",
            rotary,
            bias=text.bool("qkv_bias", default=True),  # default: MolmoConfig of the checkpoints, Ai2, 2024
            qk_norm="whole" if text.bool("attention_layer_norm", default=False) else "none",
        ),
        *gated_mlp("mlp", hidden, source.intermediate_size // 2),
        *norms(hidden, *TWO_NORMS),
    )
    named = text.optional_int("embedding_size") or source.vocab_size
    return _decoder(source, [layer] * source.num_layers, named + _ADDED, named)


def _molmo2(source: Source) -> Weights:
    """Layers that `rope_scaling_layers` leaves out have a rotary table without scaling."""
    text, hidden = source.text, source.hidden_size
    scaled = rope_parameters(text)
    plain = replace(scaled, rope_type="default", factor=None, identity=f"unscaled {scaled.identity}")
    listed = text.optional_list("rope_scaling_layers")
    kinds = [scaled if listed is None or index in listed else plain for index in range(source.num_layers)]
    rest: tuple[Part, ...] = (
        column("mlp.up_gate_proj", hidden, source.intermediate_size, source.intermediate_size),
        row("mlp.down_proj", source.intermediate_size, hidden),
        *norms(hidden, *TWO_NORMS),
    )

    def build(parameters: RopeParameters) -> Layer:
        rotary = rotary_table(source.head_size(), source.max_position, parameters)
        bias = text.bool("qkv_bias", default=True)
        kind = text.optional_str("qk_norm_type") or "olmo"
        normed = text.bool("use_qk_norm", default=False)
        norm: QKNorm = "none" if not normed else "head" if kind == "qwen3" else "whole"
        return layer_of(*attention(source, "self_attn", rotary, bias=bias, qk_norm=norm), *rest)

    rows = source.vocab_size + text.int("additional_vocab_size", default=_ADDED)
    return _decoder(source, each_kind(kinds, build), rows, source.vocab_size)


def _decoder(source: Source, layers: list[Layer], rows: int, named: int) -> Weights:
    """A table, the last norm and a head of its own on every pipeline rank."""
    name, hidden = source.prefix, source.hidden_size
    return Weights(
        layers=tuple(layers),
        layer_prefix=name + "model.layers.{}.",
        first=(),
        last=(),
        everywhere=(
            Embedding(f"{name}model.embed_tokens", rows, hidden),
            *norms(hidden, f"{name}model.norm"),
            Embedding(f"{name}lm_head", named, hidden, quantized=True),
        ),
    )


MOLMO = Family(_molmo, tower_molmo, _NAMES)
MOLMO2 = Family(_molmo2, tower_molmo2, _NAMES, ("image", "video"))
