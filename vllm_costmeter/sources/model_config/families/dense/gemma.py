"""Gemma 1 to 3: tied embeddings, two or four norms, one set of rotary parameters per kind of attention."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.layers import (
    EDGES,
    Block,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import WindowRule, full_everywhere, interleaved
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rope_parameters, rotary_table

FOUR_NORMS = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
)

HEAD_SIZE = 256  # head_dim default of transformers' GemmaConfig, Gemma2Config, Gemma3TextConfig (5.x)

NORMALIZER = Buffer("model.normalizer", 1)


def gemma(source: Source) -> Weights:
    """Gemma 1: Llama's two norms, full attention whatever window the file may state."""
    return _first(source, full_everywhere, FOUR_NORMS[:2])


def gemma2(source: Source) -> Weights:
    """Gemma 2: norms before and after both halves of a layer, a window in every other one."""
    return _first(source, interleaved(2), FOUR_NORMS)


def _first(source: Source, windows: WindowRule, norm_names: tuple[str, ...]) -> Weights:
    head_size = source.head_size(HEAD_SIZE)
    rotary = rotary_table(head_size, source.max_position, rope_parameters(source.text))
    rest = (
        *gated_mlp("mlp", source.hidden_size, source.intermediate_size),
        *norms(source.hidden_size, *norm_names),
    )

    def layer(window: int | None) -> Layer:
        return layer_of(*gemma_attention(source, source.num_kv_heads, head_size, rotary, window), *rest)

    return language_model(
        source,
        each_kind(windows(source), layer),
        tied=source.is_tied(True),
        extra_everywhere=(NORMALIZER,),
        on_every_rank=EDGES,
    )


def gemma3(source: Source) -> Weights:
    """Gemma 3: five sliding layers per global one; only the global ones stretch their rotary positions."""
    text = source.text
    head_size = source.head_size(HEAD_SIZE)

    def layer(window: int | None) -> Layer:
        parameters = rope_parameters(text, kind_of(window))
        if window is not None and not _has_nested_rope(text):
            parameters = _unscaled(parameters, f"local {text.raw('rope_local_base_freq')}")
        rotary = rotary_table(head_size, source.max_position, parameters)
        return layer_of(
            *gemma_attention(source, source.num_kv_heads, head_size, rotary, window, qk_norm=True),
            *gated_mlp("mlp", source.hidden_size, source.intermediate_size),
            *norms(source.hidden_size, *FOUR_NORMS),
        )

    return language_model(
        source,
        each_kind(interleaved(6)(source), layer),
        tied=source.is_tied(True),
        extra_everywhere=(NORMALIZER,),
        on_every_rank=EDGES,
    )


def kind_of(window: int | None) -> str:
    return "full_attention" if window is None else "sliding_attention"


def gemma_attention(
    source: Source,
    kv_heads: int,
    head_size: int,
    rotary: Buffer,
    window: int | None,
    *,
    qk_norm: bool = False,
) -> Block:
    bias = source.text.bool("attention_bias", default=False)
    return attention(
        "self_attn",
        source.hidden_size,
        source.num_heads,
        kv_heads,
        head_size,
        rotary,
        bias=bias,
        out_bias=bias,
        qk_norm="head" if qk_norm else "none",
        window=window,
    )


def _has_nested_rope(text: ConfigReader) -> bool:
    section = text.optional_section("rope_parameters")
    return section is not None and section.has("sliding_attention")


def _unscaled(parameters: RopeParameters, identity: str) -> RopeParameters:
    return RopeParameters("default", None, None, parameters.partial_rotary_factor, False, identity)
