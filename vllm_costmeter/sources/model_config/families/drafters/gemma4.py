"""Gemma 4's assistant, which predicts with the keys and values that the model itself cached, and Gemma 4's DSpark
drafter, which caches its own (vLLM 0.32: gemma4_mtp.py, gemma4_dspark.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Embedding, Linear, Output, Part
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import (
    column,
    gated_mlp,
    head_cache,
    norms,
    replicated,
    row,
)
from vllm_costmeter.sources.model_config.families.dense.gemma import FOUR_NORMS, HEAD_SIZE, kind_of
from vllm_costmeter.sources.model_config.families.dense.gemma4 import GEMMA4_WINDOW, GLOBAL_HEAD_SIZE
from vllm_costmeter.sources.model_config.families.drafters.dflash import markov_heads
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import interleaved
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_INT64_BYTES = 8
_CENTROIDS = 2048  # num_centroids that gemma4_mtp.py takes where the file states none


def gemma4_assistant(source: Source) -> Weights:
    """Queries alone in every layer, between projections from and to the model's own width; a table that serves as
    embedding until the model's takes its place, and as output head."""
    root, hidden, vocab = source.root, source.hidden_size, source.vocab_size
    backbone = root.int("backbone_hidden_size", default=hidden, minimum=1)
    centroids: tuple[Part, ...] = ()
    if root.bool("use_ordered_embeddings", default=False):
        count = root.int("num_centroids", default=_CENTROIDS, minimum=1)
        centroids = (
            replicated("masked_embedding.centroids", hidden, count, quantized=False),
            Buffer("masked_embedding.token_ordering", vocab, _INT64_BYTES),
        )
    own_head = Embedding("lm_head", vocab, hidden, quantized=True)
    return Weights(
        layers=tuple(each_kind(_windows(source), lambda window: _layer(source, window, ()))),
        layer_prefix="model.layers.{}.",
        first=(Embedding("model.embed_tokens", vocab, hidden),),
        last=(
            Linear("model.pre_projection", 2 * backbone, (Output(hidden),), "column"),
            row("model.post_projection", hidden, backbone),
            *norms(hidden, "model.norm"),
            Buffer("model.normalizer", 1),
            *centroids,
            *(() if source.is_tied(True) else (own_head,)),
        ),
    )


def gemma4_dspark(source: Source) -> Weights:
    """Layers with keys, which full attention may use as values too, and DSpark's heads."""
    text, hidden, vocab = source.text, source.hidden_size, source.vocab_size
    listed = text.optional_list("dspark_target_layer_ids", "target_layer_ids")
    if not listed:
        raise NotUnderstoodError(f"{text.name}: a DSpark drafter without target_layer_ids is not known")
    return Weights(
        layers=tuple(
            each_kind(_windows(source), lambda window: _layer(source, window, _keys(source, window)))
        ),
        layer_prefix="model.layers.{}.",
        first=(
            Embedding("model.embed_tokens", vocab, hidden),
            Buffer("model.normalizer", 1),
            replicated("model.fc", hidden * len(listed), hidden),
        ),
        last=(
            *norms(hidden, "model.hidden_norm", "model.norm"),
            Embedding("lm_head", vocab, hidden),
            *markov_heads(source),
        ),
    )


def _windows(source: Source) -> tuple[int | None, ...]:
    return interleaved(6, GEMMA4_WINDOW)(source)


def _head_size(source: Source, window: int | None) -> int:
    if window is not None:
        return source.head_size(HEAD_SIZE)
    return source.text.int("global_head_dim", default=GLOBAL_HEAD_SIZE, minimum=1)


def _keys(source: Source, window: int | None) -> Block:
    text, hidden, size = source.text, source.hidden_size, _head_size(source, window)
    shares = text.bool("attention_k_eq_v", default=False) and window is None
    heads = source.num_kv_heads
    if shares:
        heads = text.int("num_global_key_value_heads", default=heads, minimum=1)
    bias = text.bool("attention_bias", default=False)
    keys = column("self_attn.k_proj", hidden, heads * size, bias=bias)
    values = () if shares else (column("self_attn.v_proj", hidden, heads * size, bias=bias),)
    return (keys, *values, *norms(size, "self_attn.k_norm"), head_cache(heads, size, window=window))


def _layer(source: Source, window: int | None, keys: Block) -> Layer:
    hidden, heads, size = source.hidden_size, source.num_heads, _head_size(source, window)
    bias = source.text.bool("attention_bias", default=False)
    parameters = rope_parameters(source.text, kind_of(window))
    width = size if parameters.rope_type == "proportional" else None
    return layer_of(
        column("self_attn.q_proj", hidden, heads * size, bias=bias),
        row("self_attn.o_proj", heads * size, hidden, bias),
        *norms(size, "self_attn.q_norm"),
        rotary_table(size, source.max_position, parameters, rotary_dim=width),
        AttentionScales("self_attn.attn"),
        *keys,
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, *FOUR_NORMS),
        Buffer("layer_scalar", 1),
    )
