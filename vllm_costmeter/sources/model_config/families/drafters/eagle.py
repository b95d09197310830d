"""EAGLE heads of Llama's shape, which draft for a model (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Embedding, Linear, Output, Part
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import (
    QKV,
    gated_mlp,
    head_cache,
    norms,
    replicated,
    row,
)
from vllm_costmeter.sources.model_config.families.dense.style import LLAMA, style_attention, style_rotary
from vllm_costmeter.sources.model_config.families.layers import each_kind, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import as_stated

_INT64_BYTES = 8

_AUXILIARY_STATES = 3  # hidden states of the target that an EAGLE-3 head reads


def eagle(source: Source) -> Weights:
    """EAGLE: a layer or few, whose first has no norm before its attention; the head is the target's."""
    hidden = source.hidden_size
    halves = (
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, "post_attention_layernorm"),
    )

    def layer(kind: tuple[bool, int | None]) -> Layer:
        is_first, window = kind
        own = () if is_first else norms(hidden, "input_layernorm")
        return layer_of(*style_attention(source, LLAMA, window), *halves, *own)

    kinds = [(index == 0, window) for index, window in enumerate(as_stated(source))]
    return Weights(
        layers=tuple(each_kind(kinds, layer)),
        layer_prefix="model.layers.{}.",
        first=(
            Embedding("model.embed_tokens", source.vocab_size, hidden),
            replicated("model.fc", 2 * hidden, hidden),
        ),
        last=(),
    )


def eagle3(source: Source) -> Weights:
    """EAGLE-3: reads three hidden states of the target; a vocabulary and a head of its own."""
    text, hidden = source.text, source.hidden_size
    size = source.head_size()
    first_window, *windows = as_stated(source)
    wide: Part = Linear(
        "self_attn.qkv_proj",
        2 * hidden,
        (
            Output(source.num_heads, size),
            Output(source.num_kv_heads, size, replicated=True),
            Output(source.num_kv_heads, size, replicated=True),
        ),
        "column",
        text.bool("attention_bias", default=False),
        fused_from=QKV,
    )
    first = layer_of(
        wide,
        row("self_attn.o_proj", source.num_heads * size, hidden),
        AttentionScales("self_attn.attn"),
        head_cache(source.num_kv_heads, size, window=first_window),
        style_rotary(source, LLAMA),
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, "input_layernorm", "hidden_norm", "post_attention_layernorm"),
    )
    half = (
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, "input_layernorm", "post_attention_layernorm"),
    )
    rest = each_kind(windows, lambda window: layer_of(*style_attention(source, LLAMA, window), *half))
    vocab = text.int("draft_vocab_size", default=source.vocab_size, minimum=1)
    seen = text.int("target_hidden_size", default=hidden, minimum=1) * _AUXILIARY_STATES
    return Weights(
        layers=(first, *rest),
        layer_prefix="model.layers.{}.",
        first=(
            Embedding("model.embed_tokens", source.vocab_size, hidden),
            replicated("model.fc", seen, hidden),
            Buffer("draft_id_to_target_id", vocab, _INT64_BYTES),
        ),
        last=(*norms(hidden, "model.norm"), Embedding("lm_head", vocab, hidden, quantized=True)),
    )
