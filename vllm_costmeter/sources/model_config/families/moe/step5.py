"""Step 5: Step 3.5's windows and experts, and between them layers that attend to chosen regions of eight tokens
(vLLM 0.33, models/step5)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import RegionAttention
from vllm_costmeter.core.model.parts import AttentionScales, Linear, Part, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    QKV,
    TWO_NORMS,
    attention,
    column,
    gated_mlp,
    norms,
    replicated,
    row,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.moe.step import (
    attention_kind,
    heads_of,
    kept_head,
    rotation_of,
    routed_experts,
    routing_of,
)
from vllm_costmeter.sources.model_config.families.prediction import extended, numbered
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_KEY_VALUES = _SUMMARY_BYTES = 256  # the only proxy_dim that vLLM takes; a summary is fp8
_REGION_TOKENS = 8

_Kind = tuple[str, float, str]


def step5(source: Source) -> Weights:
    """`sparse_config` describes the layers of full attention, which only `enabled: false` makes ordinary."""
    if source.text.optional_section("sparse_config") is None:
        raise BadInputError(f"{source.text.name}: Step 5 without sparse_config, so vLLM refuses it")
    routing = routing_of(source)
    kinds = [(attention_kind(source, index), index in routing) for index in range(source.num_layers)]
    layers = each_kind(kinds, lambda kind: _layer(source, *kind))
    final = _norms(source, source.hidden_size, "model.norm")
    return language_model(source, layers, tied=source.is_tied(), final_norm=final)


def _prediction(source: Source, target: Weights, count: int) -> Weights | None:
    """Layers that count on from the model's own, whose lists describe them too; None where those are too short."""
    routing, first, hidden = routing_of(source), source.num_layers, source.hidden_size
    try:
        kinds = [(attention_kind(source, index), index in routing) for index in range(first, first + count)]
    except BadInputError:
        return None
    join: tuple[Part, ...] = (
        replicated("eh_proj", 2 * hidden, hidden, quantized=False),
        *_norms(source, hidden, "enorm", "hnorm", "shared_head.norm"),
        kept_head(source),
    )
    return numbered(source, target, each_kind(kinds, lambda kind: extended(_layer(source, *kind), *join)))


STEP5 = Family(step5, prediction=_prediction)


def _layer(source: Source, kind: _Kind, routes: bool) -> Layer:
    rest = (
        routed_experts(source) if routes else gated_mlp("mlp", source.hidden_size, source.intermediate_size)
    )
    attends = (
        _regions(source, kind) if kind[0] == "full_attention" and _is_sparse(source) else _heads(source, kind)
    )
    return layer_of(*attends, *_norms(source, source.hidden_size, *TWO_NORMS), *rest)


def _is_sparse(source: Source) -> bool:
    section = source.text.optional_section("sparse_config")
    return section is not None and section.bool("enabled", default=True)


def _norms(source: Source, width: int, *names: str) -> tuple[Tensor, ...]:
    """Norms of the dtype that the file states for them."""
    stated = (source.text.optional_str("norm_dtype") or "bf16").lower()
    size = FLOAT32_BYTES if stated in ("fp32", "float32", "float") else 2
    return tuple(replace(norm, element_bytes=size) for norm in norms(width, *names))


def _heads(source: Source, kind: _Kind) -> Block:
    """Keys and values of every token or, with query heads of their own number, of a window."""
    text = source.text
    heads, groups, size = heads_of(source, kind[0])
    window = text.optional_int("sliding_window") if kind[0] == "sliding_attention" else None
    if window is not None:
        heads = text.optional_int("swa_num_attention_heads") or heads
    gate = (column("self_attn.g_proj", source.hidden_size, heads),)
    return (
        *attention(
            source,
            "self_attn",
            rotary_table(size, source.max_position, rotation_of(source, *kind)),
            heads=heads,
            kv_heads=groups,
            head_size=size,
            window=window,
        ),
        *_norms(source, size, "self_attn.q_norm", "self_attn.k_norm"),
        *(gate if text.bool("use_head_wise_attn_gate", default=False) else ()),
    )


def _regions(source: Source, kind: _Kind) -> Block:
    """Queries, keys, values, the indexer and a gate per head in one matrix, which vLLM does not quantize."""
    text, hidden, name = source.text, source.hidden_size, "self_attn"
    heads, groups, size = heads_of(source, kind[0])
    section = text.optional_section("sparse_config")
    assert section is not None
    asking = section.int("sparse_indexer_num_heads", default=16, minimum=1)
    providers = section.int("index_tp_size", "num_provider_groups", default=4, minimum=1)
    if asking % providers or providers != groups:
        raise BadInputError(
            f"{text.name}: index_tp_size {providers} must be the {groups} KV heads and divide the {asking} heads of "
            "the indexer, so vLLM refuses these"
        )
    key = Output(groups, size, replicated=True)
    shared = Output(1, _KEY_VALUES, replicated=True)
    each = asking // providers
    outputs = (
        Output(heads, size),
        key,
        key,
        Output(providers, each * _KEY_VALUES, replicated=True),
        shared,
        shared,
    )
    rotated = section.int("sparse_indexer_rope_dim", default=32, minimum=2)
    rotation = rotation_of(source, *kind)
    stated = rope_parameters(text)
    indexed = replace(
        stated, partial_rotary_factor=1.0, has_mrope=False, identity=f"indexer {stated.identity}{kind[2]}"
    )
    return (
        Linear(
            f"{name}.qkv_indexer_proj",
            hidden,
            (*outputs, Output(heads)),
            "column",
            quantized=False,
            fused_from=QKV,
        ),
        row(f"{name}.o_proj", heads * size, hidden),
        Linear(
            f"{name}.sparse_indexer_w",
            hidden,
            (Output(providers, each, replicated=True),),
            "column",
            quantized=False,
        ),
        Tensor(f"{name}.ssmax_s", heads, element_bytes=FLOAT32_BYTES),
        *_norms(source, size, f"{name}.q_norm", f"{name}.k_norm"),
        *norms(_KEY_VALUES, f"{name}.sparse_indexer_q_norm"),
        *norms(_KEY_VALUES, f"{name}.sparse_indexer_k_norm", bias=True),
        AttentionScales(f"{name}.attn"),
        RegionAttention(groups, size, _SUMMARY_BYTES, _REGION_TOKENS),
        rotary_table(size, source.max_position, rotation),
        rotary_table(_KEY_VALUES, source.max_position, indexed, rotary_dim=rotated),
    )
