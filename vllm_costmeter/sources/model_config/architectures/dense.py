"""Dense decoders of the Llama shape: attention, a gated MLP, two to four norms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vllm_costmeter.core.model.parts import Buffer, Part
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.architectures.blocks import (
    GATE_UP,
    QKV,
    attention,
    gated_mlp,
    language_model,
    norms,
)
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


@dataclass(frozen=True, slots=True)
class Style:
    """How one family differs from Llama. A bias of None is what the config's `attention_bias` says."""

    qkv_bias: bool | None = None
    out_bias: bool | None = None
    qk_norm: Literal["none", "head", "all"] = "none"
    head_size: int | None = None
    tied: bool = False
    fused_checkpoint: bool = False
    """The checkpoint already holds qkv_proj and gate_up_proj (Phi-3)."""
    positions_factor: int = 4
    norm_names: tuple[str, ...] = ("input_layernorm", "post_attention_layernorm")


LLAMA = Style()
QWEN2 = Style(qkv_bias=True, out_bias=False)
QWEN3 = Style(out_bias=False, qk_norm="head", head_size=128)  # head_dim default of transformers' Qwen3Config
QWEN3_VL = Style(out_bias=False, qk_norm="head", head_size=128, positions_factor=1)
PHI3 = Style(qkv_bias=False, out_bias=False, fused_checkpoint=True)


def dense(source: Source, style: Style) -> Weights:
    """A dense decoder whose layers are all alike."""
    head_size = source.head_size(style.head_size)
    layer = Layer(
        (
            *dense_attention(source, style, _rotary(source, style, head_size)),
            *gated_mlp(
                "mlp",
                source.hidden_size,
                source.intermediate_size,
                source.text.bool("mlp_bias", default=False),
                () if style.fused_checkpoint else GATE_UP,
            ),
            *norms(source.hidden_size, *style.norm_names),
        )
    )
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied(style.tied))


def dense_attention(source: Source, style: Style, rotary: Buffer | None) -> tuple[Part, ...]:
    text = source.text
    stated = text.bool("attention_bias", "bias", default=False)
    return attention(
        "self_attn",
        source.hidden_size,
        source.num_heads,
        source.num_kv_heads,
        source.head_size(style.head_size),
        rotary,
        bias=stated if style.qkv_bias is None else style.qkv_bias,
        out_bias=stated if style.out_bias is None else style.out_bias,
        qk_norm=style.qk_norm,
        fused_from=() if style.fused_checkpoint else QKV,
    )


def _rotary(source: Source, style: Style, head_size: int) -> Buffer:
    return rotary_table(
        head_size,
        source.max_position,
        rope_parameters(source.text),
        positions_factor=style.positions_factor,
    )
