"""Qwen4-Exp: gated delta nets and sparse attention over pooled keys, residual lanes that each half mixes, tables of
n-grams in some layers (vLLM 0.29 to 0.33, models/qwen4_exp)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import FullAttention, OpenPool, ShortConvState, SparseIndexer
from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Embedding, Linear, Part, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import QKV, attention, column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.qwen_next import delta_net
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.moe.qwen import qwen_experts
from vllm_costmeter.sources.model_config.families.prediction import head_like, predictor
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_INT32_BYTES, _INT64_BYTES = 4, 8
_KEY_BYTES = (
    2  # the indexer's keys are bfloat16 whatever --kv-cache-dtype says; --attention-config may set fp8
)
_FULL_EVERY = 4  # full_attention_interval of Qwen4ExpTextConfig
_ALIGNED_ROWS = 16
_POSITION_VALUES = 12  # three int64 positions beside a raw key, in bfloat16 values (QSAKeyStateCache)


def qwen4_exp(source: Source) -> Weights:
    """`layer_types` says which layers are recurrent, all but each fourth where the file does not; `ple_layer_ids`,
    counted from 1, which hold a table of n-grams."""
    text, count = source.text, source.num_layers
    kinds = text.optional_list("layer_types") or [
        "linear_attention" if (index + 1) % _FULL_EVERY else "indexed_attention" for index in range(count)
    ]
    if len(kinds) < count:
        raise BadInputError(f"{text.name}: layer_types names {len(kinds)} of {count} layers")
    tables = set(text.optional_list("ple_layer_ids") or ())
    each = [(kinds[index] == "linear_attention", index + 1 in tables) for index in range(count)]
    return language_model(
        source,
        each_kind(each, lambda kind: _layer(source, *kind)),
        tied=source.is_tied(),
        final_norm=_mixer(source, "model.hyper_connection_mixer"),
        on_every_rank=("embedding", "head"),
    )


def _layer(source: Source, is_recurrent: bool, has_table: bool = False) -> Layer:
    return layer_of(
        *(delta_net(source, interleaved=False) if is_recurrent else _attention(source)),
        *qwen_experts(source),
        *_lanes(source, "attn_hyper_connection"),
        *_lanes(source, "mlp_hyper_connection"),
        *(_ngrams(source) if has_table else ()),
    )


def _attention(source: Source) -> Block:
    text, hidden, name = source.text, source.hidden_size, "self_attn"
    size, heads, kv_heads = source.head_size(), source.num_heads, source.num_kv_heads
    rotary = rotary_table(size, source.max_position, rope_parameters(text), positions_factor=1)
    chosen = text.optional_int("indexer_n_heads")
    if not chosen:
        return attention(source, name, rotary, qk_norm="head", output_gate=True)
    keys = text.int("indexer_head_dim", minimum=1)
    pooled = text.int("indexer_compress_ratio", minimum=1)
    indexed = (chosen + text.int("indexer_kv_heads", default=1, minimum=1)) * keys
    key = Output(kv_heads, size, replicated=True)
    outputs = (Output(heads, 2 * size), key, key, Output(1, indexed, replicated=True))
    width = text.int("indexer_budget", minimum=1) + pooled  # of a row of chosen tokens, with its count
    positions = _POSITION_VALUES if source.prefix else 0
    return (
        Linear(f"{name}.qkv_proj", hidden, outputs, "column", fused_from=QKV),
        row(f"{name}.o_proj", heads * size, hidden),
        *norms(size, f"{name}.q_norm", f"{name}.k_norm"),
        *norms(keys, f"{name}.indexer.q_layernorm", f"{name}.indexer.k_layernorm"),
        AttentionScales(f"{name}.attn"),
        Buffer(f"{name}.topk_indices_buffer", 0, _INT32_BYTES, elements_per_batch_token=width),
        rotary,
        FullAttention(kv_heads, size),
        SparseIndexer(keys, _KEY_BYTES, pooled),
        OpenPool(keys + positions, pooled),
    )


def _lanes(source: Source, name: str) -> tuple[Part, ...]:
    """What a half reads of the residual lanes and how it writes to them; never quantized."""
    lanes, rank = source.text.int("hc_count", minimum=1), source.text.int("hc_lowrank", minimum=1)
    wide = lanes * source.hidden_size
    rows = -(-(rank + lanes) // _ALIGNED_ROWS) * _ALIGNED_ROWS
    return Tensor(f"{name}.hc_norm", wide), Tensor(f"{name}.mix_down, mix_up", (rows + rank) * wide)


def _mixer(source: Source, name: str) -> tuple[Part, ...]:
    """What turns the lanes into one hidden state."""
    lanes, rank = source.text.int("hc_count", minimum=1), source.text.int("hc_lowrank", minimum=1)
    wide = lanes * source.hidden_size
    return Tensor(f"{name}.hc_norm", wide), Tensor(f"{name}.mix_down, mix_up", 2 * rank * wide)


def _ngrams(source: Source) -> Block:
    """Hashed n-grams of the tokens before, projected into the lanes behind a dilated convolution. The table lies in
    the host's memory from 0.30 on."""
    text, name = source.text, "ple"
    wide = text.int("hc_count", minimum=1) * source.hidden_size
    width = text.int("ple_embed_dim", default=source.hidden_size, minimum=1)
    longest = text.int("ngram_size", default=3, minimum=2)
    heads = (longest - 1) * text.int("heads_per_ngram", default=8, minimum=1)
    kernel = text.int("ple_conv_kernel_size", default=4, minimum=1)
    base = text.int("ngram_vocab_size_base", default=20_000_000, minimum=1)
    padding = text.int("make_ngram_vocab_size_divisible_by", default=128, minimum=1)
    rows = -(-(heads * base) // padding) * padding  # each head's prime lies a little above the base
    return (
        Embedding(f"{name}.ple_embedding.ngram_embedding", rows, width // heads, is_ngram_table=True),
        Buffer(f"{name}.ple_embedding.layout", longest + 2 * heads, _INT64_BYTES),
        replicated(f"{name}.kv_proj", width, wide, source.hidden_size),
        *norms(wide, f"{name}.norm_key", f"{name}.norm_query", f"{name}.norm_conv"),
        Tensor(f"{name}.conv1d", wide * kernel),
        ShortConvState(wide, (kernel - 1) * longest + 1, is_whole=True),
    )


def _prediction(source: Source, target: Weights, count: int) -> Weights:
    """Layers with attention behind two divided projections and norms for all of them, and a mixer of lanes."""
    hidden, lanes = source.hidden_size, source.text.int("hc_count", minimum=1)
    last = (
        column("mtp.fc_embedding", hidden, hidden),
        column("mtp.fc_hidden", hidden, hidden),
        *norms(hidden, "mtp.pre_fc_norm_embedding"),
        *norms(lanes * hidden, "mtp.pre_fc_norm_hidden"),
        *_mixer(source, "mtp.hyper_connection_mixer"),
        *head_like(target),
    )
    return predictor(source, target, [_layer(source, False)] * count, prefix="mtp.layers.{}.", last=last)


def _is_cut(source: Source) -> bool:
    """Only a first rank receives the tokens that n-grams are made of."""
    return not source.text.optional_list("ple_layer_ids")


QWEN4_EXP = Family(qwen4_exp, prediction=_prediction, is_cut=_is_cut)
