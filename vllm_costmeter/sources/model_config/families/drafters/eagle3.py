"""EAGLE-3 and P-EAGLE heads: layers that read hidden states from inside the target (vLLM 0.32: llama_eagle3.py,
qwen3_eagle3.py, deepseek_eagle3.py)."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import Buffer, Embedding, Linear, Part
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import gated_mlp, norms, replicated
from vllm_costmeter.sources.model_config.families.dense.style import (
    LLAMA,
    QWEN3,
    Style,
    style_attention,
)
from vllm_costmeter.sources.model_config.families.family import Builder
from vllm_costmeter.sources.model_config.families.layers import Block, Piece, each_kind, layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import latent_attention, latent_rotary
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import as_stated
from vllm_costmeter.sources.model_config.reader import ConfigReader

_INT64_BYTES = 8
_HIDDEN_STATES = 3
"""That a head reads where its file does not say how many."""
_FROM_HIDDEN = ("qkv_proj", "fused_qkv_a_proj", "kv_a_proj_with_mqa", ".q_proj")
"""What attention projects a hidden state with."""


def eagle3(source: Source) -> Weights:
    """Llama's layers."""
    return _of_style(source, LLAMA)


def eagle3_qwen3(source: Source) -> Weights:
    """Qwen3's layers; a bias, where the file asks for one, stands on queries, keys and values alone."""
    style = replace(QWEN3, qkv_bias=source.text.bool("attention_bias", default=False))
    return _of_style(source, style)


def eagle3_deepseek(source: Source) -> Weights:
    """Latent attention and a dense MLP in every layer."""
    rotary = latent_rotary(source)
    return _head(source, lambda window: latent_attention(source, rotary))


def parallel(build: Builder) -> Builder:
    """P-EAGLE: drafts all tokens at once, from a hidden state that stands for those not known yet."""

    def built(source: Source) -> Weights:
        weights = build(source)
        masked = Buffer("mask_hidden", seen_width(source))
        return replace(weights, first=(*weights.first, masked))

    return built


peagle = parallel(eagle3)
peagle_qwen3 = parallel(eagle3_qwen3)


def seen_width(source: Source) -> int:
    """Values of the hidden states that the head reads for a token."""
    text = source.text
    seen = text.int("target_hidden_size", default=source.hidden_size, minimum=1)
    return seen * _hidden_states(text)


def _of_style(source: Source, style: Style) -> Weights:
    return _head(source, lambda window: style_attention(source, style, window))


def _head(source: Source, attends: Callable[[int | None], Block]) -> Weights:
    """Layers of which the first reads an embedding beside the hidden state, a vocabulary and an output head."""
    text, hidden = source.text, source.hidden_size
    half = (
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, "input_layernorm", "hidden_norm", "post_attention_layernorm"),
    )

    def layer(kind: tuple[bool, int | None]) -> Layer:
        is_first, window = kind
        pieces = attends(window)
        if is_first:
            pieces = tuple(_reading_both(piece, hidden) for piece in pieces)
        return layer_of(*pieces, *half)

    kinds = [(index == 0, window) for index, window in enumerate(as_stated(source))]
    vocab = text.int("draft_vocab_size", default=source.vocab_size, minimum=1)
    return Weights(
        layers=tuple(each_kind(kinds, layer)),
        layer_prefix="model.layers.{}.",
        first=(
            Embedding("model.embed_tokens", source.vocab_size, hidden),
            *_reading(source),
            *mapping(source, vocab),
        ),
        last=(*norms(hidden, "model.norm"), Embedding("lm_head", vocab, hidden, quantized=True)),
    )


def mapping(source: Source, vocab: int) -> tuple[Part, ...]:
    """Which token of the target's each token of a smaller vocabulary is."""
    return () if vocab == source.vocab_size else (Buffer("draft_id_to_target_id", vocab, _INT64_BYTES),)


def _reading_both(piece: Piece, hidden: int) -> Piece:
    """A projection of the hidden state, made one of it and an embedding."""
    if isinstance(piece, Linear) and piece.name.endswith(_FROM_HIDDEN):
        return replace(piece, inputs=2 * hidden)
    return piece


def _reading(source: Source) -> tuple[Part, ...]:
    """The projection of the target's hidden states, and norms before it where the file asks for them."""
    text = source.text
    own = text.optional_section("eagle_config")
    if own is not None and not own.bool("use_aux_hidden_state", default=True):
        return ()
    parts: list[Part] = [replicated("model.fc", seen_width(source), source.hidden_size)]
    stated = text.bool("norm_before_fc", default=False)
    if stated if own is None else own.bool("norm_before_fc", default=stated):
        parts += norms(seen_width(source), "model.input_norm")
    if text.bool("fc_norm", default=False):
        parts += norms(seen_width(source), "model.fc_norm")
    return tuple(parts)


def _hidden_states(text: ConfigReader) -> int:
    count = text.optional_int("num_aux_layers", "num_aux_hidden_states", minimum=1)
    if count is not None:
        return count
    own, key = text.optional_section("eagle_config"), "eagle_aux_hidden_state_layer_ids"
    listed = None if own is None else own.optional_list(key)
    if text.raw("model_type") == "qwen3":
        listed = text.optional_list(key) or listed  # Llama's class does not look there
    return len(listed) if listed else _HIDDEN_STATES
