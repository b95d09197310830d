"""DeepSeek V4.1: V4's layers, of which few store compressed tokens that those after them read, and hashed n-grams in
some layers (vLLM 0.30 to 0.33, models/deepseek_v41)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import SourcedMla
from vllm_costmeter.core.model.parts import Buffer, Embedding, Part
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import (
    Block,
    Piece,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.mla.deepseek_v4 import (
    hyper_connection,
    indexer_queries,
    low_rank_attention,
    routed_experts,
)
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.deepseek_v4 import deepseek_v41_vision

_HEADS_OF_A_GROUP = 8  # WV_GROUP_SIZE of mega attention
_HEADS_OF_A_KERNEL = (64, 128)  # FlashMLA's: sinks are padded to them
_RATIOS = (0, 1, 2)
_INT64_BYTES, _BFLOAT16_PER_INT32 = 8, 2

_Kind = tuple[int, bool, bool, int | None]
"""Tokens of a pool, whether the layer stores pools, whether it has an indexer, which table of n-grams it has."""


def deepseek_v41(source: Source) -> Weights:
    """`compress_ratios`: 0 for a window alone; `kv_source_layer_ids` and `index_source_layer_ids`: which layers store
    pools and choose among them; `engram_layer_ids`: which look n-grams up."""
    text, count = source.text, source.num_layers
    ratios = list(text.optional_list("compress_ratios") or [])[:count]
    ratios += [0] * (count - len(ratios))
    stores, indexes = (
        set(text.optional_list(key) or ()) for key in ("kv_source_layer_ids", "index_source_layer_ids")
    )
    tables = text.optional_list("engram_layer_ids") or []
    if not all(ratio in _RATIOS for ratio in ratios):
        raise BadInputError(
            f"{text.name}: compress_ratios of DeepSeek V4.1 are 0, 1 or 2, so vLLM refuses these"
        )
    for index, ratio in enumerate(ratios):
        if ratio and not (any(one <= index for one in stores) and any(one <= index for one in indexes)):
            raise BadInputError(
                f"{text.name}: layer {index} reads kv_source_layer_ids and index_source_layer_ids before it, "
                "and the file names none"
            )
    kinds = [
        (ratios[index], index in stores, index in indexes, tables.index(index) if index in tables else None)
        for index in range(count)
    ]
    layers = each_kind(kinds, lambda kind: _layer(source, kind))
    return language_model(source, layers, tied=False, extra_everywhere=_hashes(source, len(tables)))


def window_layer(source: Source) -> Layer:
    """A drafter's layer: a window alone, with experts of its own number."""
    text = source.text
    count = text.int("dspark_n_routed_experts", default=0) or text.int("n_routed_experts", minimum=1)
    return _layer(source, (0, False, False, None), count)


def _layer(source: Source, kind: _Kind, num_experts: int | None = None) -> Layer:
    table = kind[3]
    return layer_of(
        *_attention(source, kind),
        *routed_experts(source, hashed=False, count=num_experts),
        *hyper_connection(source),
        *norms(source.hidden_size, "attn_norm", "ffn_norm"),
        *(() if table is None else _ngrams(source, table)),
    )


def _attention(source: Source, kind: _Kind) -> Block:
    text, hidden, heads = source.text, source.hidden_size, source.num_heads
    ratio, stores, indexes, _ = kind
    size, keys = text.int("head_dim", minimum=1), text.int("index_head_dim", minimum=1)
    groups = text.int("o_groups", minimum=1)
    parts: list[Piece] = [
        SourcedMla(
            size,
            text.int("qk_rope_head_dim", minimum=1),
            text.int("sliding_window", minimum=1),
            keys,
            pooled_tokens=ratio,
            is_source=stores,
            mega_groups=groups if heads == groups * _HEADS_OF_A_GROUP else 0,
        ),
        *low_rank_attention(
            source,
            next((padded for padded in _HEADS_OF_A_KERNEL if heads <= padded), heads),
            compressed=ratio > 0,
        ),
    ]
    if stores:
        pooled = (size, size) if ratio > 1 else (size,)
        name = "attn.compressor"
        parts += [
            replicated(f"{name}.fused_wkv_wgate", hidden, *pooled, quantized=False),
            *norms(size, f"{name}.norm"),
        ]
    if indexes:
        parts += indexer_queries(source)
    if indexes and stores:
        parts += [
            replicated("attn.indexer.wk", size, keys, quantized=False),
            *norms(keys, "attn.indexer.k_norm"),
        ]
    return tuple(parts)


def _columns(source: Source) -> int:
    """Hashes of one token: each length of n-gram above 1 has as many as the file has heads."""
    text = source.text
    return (text.int("engram_max_ngram_size", minimum=2) - 1) * text.int("engram_n_heads", minimum=1)


def _ngrams(source: Source, table: int) -> tuple[Part, ...]:
    """A table of fp8 rows in the host's memory, and what projects its rows into the residual lanes."""
    text, hidden = source.text, source.hidden_size
    lanes, width = text.int("hc_mult", default=4, minimum=1), text.int("engram_head_dim", minimum=1)
    rows = text.optional_list("engram_num_embeddings") or []
    if table >= len(rows) or not isinstance(rows[table], int):
        raise BadInputError(
            f"{text.name}: engram_num_embeddings needs one whole number per layer of engram_layer_ids"
        )
    return (
        Embedding("engram.embed_tokens", rows[table], width, is_ngram_table=True),
        column("engram.wkv", _columns(source) * width, hidden * (lanes + 1)),
        *norms(lanes * hidden, "engram.q_weight", "engram.k_weight"),
    )


def _hashes(source: Source, tables: int) -> tuple[Part, ...]:
    """What tokens are hashed with: primes, offsets and multipliers (`NgramHashState`)."""
    if not tables:
        return ()
    longest = source.text.int("engram_max_ngram_size", minimum=2)
    return (
        Buffer("engram_hash.token_map", source.vocab_size, 4),
        Buffer("engram_hash.primes", tables * (2 * _columns(source) + longest), _INT64_BYTES),
    )


def _kept(source: Source) -> int:
    """Chosen tokens and candidate blocks (int32), and the rows that each table of n-grams stages, per token."""
    text = source.text
    chosen = text.int("index_topk", minimum=1) + text.int("candidate_topk_blocks", default=0)
    tables = len(text.optional_list("engram_layer_ids") or ())
    staged = tables * _columns(source) * text.int("engram_head_dim", minimum=1) if tables else 0
    return chosen * _BFLOAT16_PER_INT32 + staged


DEEPSEEK_V41 = Family(
    deepseek_v41,
    tower=deepseek_v41_vision,
    inputs=("image",),
    tower_is_plain=True,
    kept_values=_kept,
    renames=(("layers.", "language_model.model.layers."), ("head.", "language_model.lm_head.")),
)
