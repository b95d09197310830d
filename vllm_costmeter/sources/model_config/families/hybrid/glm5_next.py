"""GLM-5 Next: Kimi delta attention, and latent attention without positions whose indexer keys are pooled, behind
DeepSeek V4's residual lanes (vLLM 0.30 to 0.33, models/glm5next)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import KimiDeltaState, OpenPool, SparseIndexer
from vllm_costmeter.core.model.parts import Linear, Part, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    column,
    experts,
    gated_mlp,
    norms,
    replicated,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import indexer, latent_attention
from vllm_costmeter.sources.model_config.families.mla.deepseek_v4 import hyper_connection
from vllm_costmeter.sources.model_config.families.prediction import extended, numbered
from vllm_costmeter.sources.model_config.families.source import Source

_DENSE_FIRST = 3  # Glm5NextTextConfig, where the file does not say
_FAST_HEAD_SIZE = 128


def glm5_next(source: Source) -> Weights:
    """`layer_types` says which layers are recurrent, all but each fourth where the file does not; `mlp_layer_types`
    which route. Neither kind of attention is ever quantized."""
    text, count = source.text, source.num_layers
    kinds = text.optional_list("layer_types") or [
        "linear_attention" if index % 4 != 3 else "indexed_attention" for index in range(count)
    ]
    halves = text.optional_list("mlp_layer_types") or [
        "dense" if index < _DENSE_FIRST else "sparse" for index in range(count)
    ]
    if len(kinds) < count or len(halves) < count:
        raise BadInputError(f"{text.name}: layer_types and mlp_layer_types must name each of {count} layers")
    each = [(kinds[index] == "linear_attention", halves[index] == "sparse") for index in range(count)]
    return language_model(source, each_kind(each, lambda kind: _layer(source, *kind)), tied=False)


def _layer(source: Source, is_recurrent: bool, routes: bool, *, has_lanes: bool = True) -> Layer:
    hidden = source.hidden_size
    mixer = _delta(source) if is_recurrent else _latent(source)
    half = _experts(source) if routes else gated_mlp("mlp", hidden, source.intermediate_size)
    lanes = hyper_connection(source) if has_lanes else ()
    return layer_of(*mixer, *norms(hidden, *TWO_NORMS), *half, *lanes)


def _delta(source: Source) -> Block:
    text, hidden, name = source.text, source.hidden_size, "self_attn"
    heads = text.int("linear_num_heads", default=64, minimum=1)
    size = text.int("linear_head_dim", default=128, minimum=1)
    kernel = text.int("linear_conv_kernel_dim", default=4, minimum=1)
    by_head, whole = Output(heads, size), Output(1, size, replicated=True)
    fused = (by_head, by_head, by_head, Output(heads), whole, whole)
    is_fast = size == _FAST_HEAD_SIZE and text.has("linear_lower_bound")
    return _plain(
        (
            Linear(f"{name}.in_proj_qkvbfg_a", hidden, fused, "column"),
            column(f"{name}.f_b_proj", size, heads * size),
            column(f"{name}.g_b_proj", size, heads * size),
            row(f"{name}.o_proj", heads * size, hidden),
            Tensor(
                f"{name}.conv1d (q, k, v)",
                3 * heads,
                size * kernel,
                split=True,
                element_bytes=FLOAT32_BYTES,
            ),
            Tensor(f"{name}.dt_bias", heads, size, split=True, element_bytes=FLOAT32_BYTES),
            Tensor(f"{name}.A_log", heads, split=True, element_bytes=FLOAT32_BYTES),
            *norms(size, f"{name}.o_norm"),
            KimiDeltaState(heads, size, kernel, checkpoint="glm5_next" if is_fast else None),
        )
    )


def _latent(source: Source) -> Block:
    text = source.text
    size = text.int("index_head_dim", default=128, minimum=1)
    pooled = text.int("index_kpool", default=16, minimum=1)
    name = "self_attn.indexer.index_kpool_compress"
    chosen = tuple(
        replace(piece, pooled_tokens=pooled) if isinstance(piece, SparseIndexer) else piece
        for piece in indexer(source, None)
    )
    return _plain(
        (
            *latent_attention(source, None),
            *chosen,
            Tensor(f"{name}_ape", pooled * size, element_bytes=FLOAT32_BYTES),
            Tensor(f"{name}_gate", size * source.hidden_size),
            OpenPool(2 * size, pooled),
        )
    )


def _plain(block: Block) -> Block:
    return tuple(replace(piece, quantized=False) if isinstance(piece, Linear) else piece for piece in block)


def _experts(source: Source) -> tuple[Part, ...]:
    text, hidden = source.text, source.hidden_size
    count, inner = text.int("n_routed_experts", minimum=1), text.int("moe_intermediate_size", minimum=1)
    shared = text.int("n_shared_experts", default=0)
    corrects = text.raw("topk_method") in (None, "noaux_tc")
    bias = Tensor("mlp.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES)
    return (
        router("mlp.gate", hidden, count),
        *((bias,) if corrects else ()),
        experts("mlp.experts", count, hidden, inner),
        *(gated_mlp("mlp.shared_experts", hidden, inner * shared, is_shared_expert=True) if shared else ()),
    )


def _prediction(source: Source, target: Weights, count: int) -> Weights:
    """Latent attention and what the model's last layer has behind it, without lanes; the head is the model's."""
    hidden = source.hidden_size
    halves = source.text.optional_list("mlp_layer_types")
    layer = extended(
        _layer(source, False, not halves or halves[-1] == "sparse", has_lanes=False),
        replicated("eh_proj", 2 * hidden, hidden, quantized=False),
        *norms(hidden, "enorm", "hnorm", "shared_head.norm"),
    )
    return numbered(source, target, [layer] * count)


GLM5_NEXT = Family(glm5_next, prediction=_prediction, blackwell_kv_cache_dtype="fp8")
