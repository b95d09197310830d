"""Dense decoders of the Llama shape: attention, a gated MLP, two to four norms."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.model.parts import Buffer, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    GATE_UP,
    QKV,
    QKNorm,
    attention,
    gated_mlp,
    mlp,
    norms,
)
from vllm_costmeter.sources.model_config.families.family import Builder
from vllm_costmeter.sources.model_config.families.layers import (
    Block,
    Edge,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import WindowRule, as_stated
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


@dataclass(frozen=True, slots=True)
class Names:
    """What vLLM calls the parts: quantization rules match them. `{}` is a layer's index."""

    embedding: str = "model.embed_tokens"
    layers: str = "model.layers.{}."
    head: str = "lm_head"
    attention: str = "self_attn"
    out: str = "o_proj"
    mlp: str = "mlp"
    matrices: tuple[str, str] = ("up_proj", "down_proj")
    """Of an MLP of two matrices."""


@dataclass(frozen=True, slots=True)
class Style:
    """How one family differs from Llama. A bias of None is what the config's `attention_bias` (or `mlp_bias`) says."""

    qkv_bias: bool | None = None
    out_bias: bool | None = None
    mlp_bias: bool | None = None
    bias_key: str = "attention_bias"
    qk_norm: QKNorm = "none"
    head_size: int | None = None
    tied: bool = False
    fused_qkv: bool = False
    """The checkpoint already holds queries, keys and values as one matrix (Phi-3, InternLM 2)."""
    fused_gate_up: bool = False
    """The checkpoint already holds gate and up as one matrix (Phi-3, GLM)."""
    positions_factor: int = 4
    norm_names: tuple[str, ...] = ("input_layernorm", "post_attention_layernorm")
    norm_bias: bool = False
    final_norm: bool = True
    gated: bool = True
    """False: an MLP of two matrices."""
    down_bias: bool = False
    """The MLP's second matrix alone has a bias."""
    partial_rotary: float = 1.0
    inverse_frequencies: int = 0
    """Sets of float32 inverse frequencies instead of tables: models that vLLM runs by transformers' own code keep
    each set twice, as read and as scaled."""
    layer_extra: tuple[Part, ...] = ()
    extra: tuple[Part, ...] = ()
    """Small parts of every layer, and of every pipeline rank."""
    on_every_rank: tuple[Edge, ...] = ()
    windows: WindowRule = as_stated
    names: Names = Names()


LLAMA = Style()

QWEN2 = Style(qkv_bias=True, out_bias=False)

QWEN3 = Style(out_bias=False, qk_norm="head", head_size=128)  # head_dim default of transformers' Qwen3Config

QWEN3_MOE = Style(out_bias=False, qk_norm="head")

QWEN3_VL = Style(out_bias=False, qk_norm="head", head_size=128, positions_factor=1)

PHI3 = Style(qkv_bias=False, out_bias=False, fused_qkv=True, fused_gate_up=True)


def dense(source: Source, style: Style) -> Weights:
    """A dense decoder whose layers are all alike but for the windows of their attention."""
    names, hidden = style.names, source.hidden_size
    rotary = None if style.inverse_frequencies else style_rotary(source, style)
    rest = (
        *_mlp(source, style),
        *norms(hidden, *style.norm_names, bias=style.norm_bias),
        *style.layer_extra,
    )
    return language_model(
        source,
        each_kind(
            style.windows(source),
            lambda window: layer_of(*dense_attention(source, style, rotary, window), *rest),
        ),
        tied=source.is_tied(style.tied),
        embedding=names.embedding,
        layer_prefix=names.layers,
        head=names.head,
        final_norm=norms(hidden, "model.norm", bias=style.norm_bias) if style.final_norm else (),
        extra_everywhere=(*style.extra, *_frequencies(source, style)),
        on_every_rank=style.on_every_rank,
    )


def of_style(style: Style) -> Builder:
    """A dense decoder."""
    return lambda source: dense(source, style)


def dense_attention(source: Source, style: Style, rotary: Buffer | None, window: int | None = None) -> Block:
    stated = source.text.bool(style.bias_key, "bias", default=False)
    return attention(
        source,
        style.names.attention,
        rotary,
        head_size=source.head_size(style.head_size),
        bias=stated if style.qkv_bias is None else style.qkv_bias,
        out_bias=stated if style.out_bias is None else style.out_bias,
        qk_norm=style.qk_norm,
        window=window,
        out_name=style.names.out,
        fused_from=() if style.fused_qkv else QKV,
    )


def style_attention(source: Source, style: Style, window: int | None = None) -> Block:
    """Attention with its rotary table."""
    return dense_attention(source, style, style_rotary(source, style), window)


def windowed(source: Source, style: Style, rest: Block) -> list[Layer]:
    """Layers of this attention, each with the window the file gives it, and `rest`."""
    table = style_rotary(source, style)
    return each_kind(
        style.windows(source), lambda window: layer_of(*dense_attention(source, style, table, window), *rest)
    )


def style_rotary(source: Source, style: Style) -> Buffer:
    """The table that all layers share."""
    return rotary_table(
        source.head_size(style.head_size),
        source.max_position,
        rope_parameters(source.text, default_partial=style.partial_rotary),
        positions_factor=style.positions_factor,
    )


def _mlp(source: Source, style: Style) -> tuple[Part, ...]:
    name, hidden, width = style.names.mlp, source.hidden_size, source.intermediate_size
    stated = source.text.bool("mlp_bias", default=False)
    bias = stated if style.mlp_bias is None else style.mlp_bias
    if not style.gated:
        return mlp(name, hidden, width, bias=bias, names=style.names.matrices)
    parts = gated_mlp(name, hidden, width, bias, () if style.fused_gate_up else GATE_UP)
    return (*parts, Tensor(f"{name}.down_proj.bias", hidden)) if style.down_bias else parts


def _frequencies(source: Source, style: Style) -> tuple[Part, ...]:
    """One inverse frequency per pair of rotated dimensions."""
    if not style.inverse_frequencies:
        return ()
    parameters = rope_parameters(source.text, default_partial=style.partial_rotary)
    pairs = int(source.head_size(style.head_size) * parameters.partial_rotary_factor) // 2
    values = 2 * style.inverse_frequencies * pairs
    return (Buffer("model.rotary_emb.inv_freq", values, FLOAT32_BYTES),)
