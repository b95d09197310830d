"""LFM2: gated short convolutions, attention in some layers, an MLP or experts (vLLM 0.32, lfm2.py and lfm2_moe.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import ShortConvState
from vllm_costmeter.core.model.parts import Linear, Part, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import attention, column, experts, norms, router, row
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_KINDS = ("conv", "full_attention")


def lfm2(source: Source) -> Weights:
    """Dense: every layer has the same MLP."""
    half = _mlp(source, _width(source))
    return _layers(source, [half] * source.num_layers)


def lfm2_moe(source: Source) -> Weights:
    """Dense first layers, then experts."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_experts", minimum=1)
    name = "feed_forward"
    routed: list[Part] = [
        router(f"{name}.gate", hidden, count),
        experts(f"{name}.experts", count, hidden, text.int("moe_intermediate_size", minimum=1)),
    ]
    if text.bool("use_expert_bias", default=True):
        routed.append(Tensor(f"{name}.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES))
    dense, sparse = _mlp(source, source.intermediate_size), tuple(routed)
    first = text.int("num_dense_layers", default=2)
    return _layers(source, [dense if index < first else sparse for index in range(source.num_layers)])


def _layers(source: Source, halves: list[tuple[Part, ...]]) -> Weights:
    hidden = source.hidden_size

    def layer(kind: tuple[str, tuple[Part, ...]]) -> Layer:
        mixer = _convolution(source) if kind[0] == "conv" else _attention(source)
        return layer_of(*mixer, *kind[1], *norms(hidden, "operator_norm", "ffn_norm"))

    layers = each_kind(zip(_kinds(source), halves, strict=True), layer)
    return language_model(source, layers, tied=source.is_tied(True))


def _kinds(source: Source) -> list[str]:
    text, count = source.text, source.num_layers
    stated = text.optional_list("layer_types")
    if stated is None:
        full = text.optional_list("full_attn_idxs")
        return ["full_attention" if full is None or index in full else "conv" for index in range(count)]
    if len(stated) < count or any(kind not in _KINDS for kind in stated):
        raise BadInputError(
            f"{text.name}: layer_types needs conv or full_attention for each of {count} layers"
        )
    return [str(kind) for kind in stated[:count]]


def _convolution(source: Source) -> Block:
    text, hidden = source.text, source.hidden_size
    width = text.int("conv_dim", default=hidden, minimum=1)
    bias = text.bool("conv_bias", default=False)
    kernel = text.int("conv_L_cache", default=3, minimum=1)
    return (
        Linear("short_conv.conv", kernel, (Output(width),), "column", bias, quantized=False),
        column("short_conv.in_proj", hidden, width, width, width, bias=bias),
        row("short_conv.out_proj", width, hidden, bias),
        ShortConvState(width, kernel),
    )


def _attention(source: Source) -> Block:
    size = source.head_size()
    return (
        *attention(
            source,
            "self_attn",
            rotary_table(size, source.max_position, rope_parameters(source.text)),
            out_name="out_proj",
        ),
        *norms(size, "self_attn.q_layernorm", "self_attn.k_layernorm"),
    )


def _mlp(source: Source, width: int) -> tuple[Part, ...]:
    hidden = source.hidden_size
    first = column("feed_forward.w13", hidden, width, width, fused_from=("w1", "w3"))
    return first, row("feed_forward.w2", width, hidden)


def _width(source: Source) -> int:
    """The stated width; two thirds of it, scaled and rounded up, where the file asks for that."""
    text = source.text
    width = text.int("block_ff_dim", "intermediate_size", minimum=1)
    if not text.bool("block_auto_adjust_ff_dim", default=True):
        return width
    width = int(2 * width / 3)
    if text.has("block_ffn_dim_multiplier"):
        width = int(text.float("block_ffn_dim_multiplier", default=1.0) * width)
    multiple = text.int("block_multiple_of", default=256, minimum=1)
    return -(-width // multiple) * multiple
