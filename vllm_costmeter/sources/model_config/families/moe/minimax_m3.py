"""MiniMax M3: sparse attention whose indexer stands in the projection of queries, keys and values (vLLM 0.26 to 0.33,
models/minimax_m3)."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import SparseIndexer
from vllm_costmeter.core.model.parts import Linear, Output, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    QKV,
    TWO_NORMS,
    W_NAMES,
    attention,
    experts,
    gated_mlp,
    norms,
    replicated,
    router,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.prediction import extended, head_like, predictor
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_KEY_BYTES = (
    2  # the indexer's keys are bfloat16 whatever --kv-cache-dtype says; --attention-config may set fp8
)


def minimax_m3(source: Source) -> Weights:
    """`sparse_attention_freq` says which layers carry an indexer, `moe_layer_freq` which route; all where they do not
    say."""
    count = source.num_layers
    routed = _flags(source, source.text.optional_list("moe_layer_freq"), "moe_layer_freq", count, missing=1)
    section = source.text.optional_section("sparse_attention_config")
    listed = None if section is None else section.optional_list("sparse_attention_freq")
    indexed = _flags(source, listed, "sparse_attention_freq", count, missing=0)
    layers = each_kind(zip(indexed, routed, strict=True), lambda kind: _layer(source, *kind))
    return language_model(source, layers, tied=False)


def _flags(
    source: Source, listed: Sequence[object] | None, key: str, count: int, *, missing: int
) -> list[bool]:
    if listed is None:
        return [bool(missing)] * count
    if len(listed) < count:
        raise BadInputError(f"{source.text.name}: {key} lists {len(listed)} layers, the model has {count}")
    return [flag != 0 for flag in listed[:count]]


def _layer(source: Source, has_indexer: bool, routes: bool) -> Layer:
    text, hidden = source.text, source.hidden_size
    dense = text.int("dense_intermediate_size", minimum=1) if not routes else 0
    half = _experts(source) if routes else gated_mlp("mlp", hidden, dense)
    return layer_of(*_attention(source, has_indexer), *norms(hidden, *TWO_NORMS), *half)


def _attention(source: Source, has_indexer: bool) -> Block:
    rotary = rotary_table(source.head_size(), source.max_position, rope_parameters(source.text))
    block = attention(source, "self_attn", rotary, qk_norm="head")
    if not has_indexer:
        return block
    section = source.text.optional_section("sparse_attention_config")
    size = source.head_size() if section is None else section.int("sparse_index_dim", minimum=1)
    return (
        *(
            _with_indexer(piece, size, source.num_kv_heads) if isinstance(piece, Linear) else piece
            for piece in block
        ),
        *norms(size, "self_attn.index_q_norm", "self_attn.index_k_norm"),
        SparseIndexer(size, _KEY_BYTES),
    )


def _with_indexer(matrix: Linear, size: int, kv_heads: int) -> Linear:
    """The fused projection with the indexer's queries, one head for each KV head, and its one key for every rank
    (`MinimaxM3QKVParallelLinearWithIndexer`)."""
    if matrix.fused_from != QKV:
        return matrix
    queries, key = Output(kv_heads, size, replicated=True), Output(1, size, replicated=True)
    return replace(matrix, outputs=(*matrix.outputs, queries, key))


def _experts(source: Source) -> tuple[Part, ...]:
    text, hidden, name = source.text, source.hidden_size, "block_sparse_moe"
    count, inner = text.int("num_local_experts", minimum=1), source.intermediate_size
    shared = text.int("n_shared_experts", default=0)
    bias = Tensor(f"{name}.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES)
    return (
        router(f"{name}.gate", hidden, count, float32=True),
        *((bias,) if text.bool("use_routing_bias", default=False) else ()),
        experts(f"{name}.experts", count, hidden, inner, checkpoint_names=W_NAMES),
        *(
            gated_mlp(f"{name}.shared_experts", hidden, inner * shared, is_shared_expert=True)
            if shared
            else ()
        ),
    )


def _prediction(source: Source, target: Weights, count: int) -> Weights:
    """Layers with an indexer and experts behind a quantized projection of their own."""
    hidden = source.hidden_size
    layer = extended(
        _layer(source, True, True),
        replicated("eh_proj", 2 * hidden, hidden),
        *norms(hidden, "enorm", "hnorm", "final_layernorm"),
    )
    return predictor(source, target, [layer] * count, prefix="model.layers.{}.", last=head_like(target))


MINIMAX_M3 = Family(minimax_m3, prediction=_prediction)
