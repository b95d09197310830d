"""Step 3, 3.5 and 3.7: shared queries, or windows with heads of their own; experts beside a shared one (vLLM 0.32,
step3_text.py, step3p5.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import VOCABULARY_PADDING, AttentionScales, Linear, Part, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    attention,
    column,
    experts,
    gated_mlp,
    head_cache,
    norms,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.prediction import extended, joined, numbered
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rope_parameters, rotary_table


def step3_text(source: Source) -> Weights:
    """Step 3: one KV head, and queries made from a narrower one that every rank holds whole."""
    text, hidden = source.text, source.hidden_size
    size, heads = text.int("head_dim", default=256, minimum=1), source.num_heads
    shared = text.int("share_q_dim", default=2048) or size
    positions = text.int("max_position_embedding", "max_position_embeddings", default=65536, minimum=1)
    attends = (
        Linear("self_attn.qkv_proj", hidden, (Output(shared), Output(2 * size)), "none"),
        row("self_attn.o_proj", heads * size, hidden),
        *norms(shared, "self_attn.inter_norm"),
        column("self_attn.wq", shared, heads * size),
        AttentionScales("self_attn.attn"),
        head_cache(1, size),
        rotary_table(size, positions, rope_parameters(text)),
    )
    count, inner = text.int("moe_num_experts", minimum=1), text.int("moe_intermediate_size", minimum=1)
    sparse = (
        router("moe.gate", hidden, count),
        experts("moe.experts", count, hidden, inner),
        *gated_mlp("share_expert", hidden, text.int("share_expert_dim", minimum=1)),
    )

    def layer(routes: bool) -> Layer:
        rest = sparse if routes else gated_mlp("mlp", hidden, source.intermediate_size)
        return layer_of(*attends, *norms(hidden, *TWO_NORMS), *rest)

    routing = routing_of(source)
    return language_model(
        source,
        each_kind((index in routing for index in range(source.num_layers)), layer),
        tied=source.is_tied(),
    )


def step3p5(source: Source) -> Weights:
    """Step 3.5 and 3.7: windows, whose layers may have other heads, and an output gate per head."""
    routing = routing_of(source)
    kinds = [(attention_kind(source, index), index in routing) for index in range(source.num_layers)]
    layers = each_kind(kinds, lambda kind: _layer(source, *kind))
    return language_model(source, layers, tied=source.is_tied())


def _prediction(source: Source, target: Weights, count: int) -> Weights | None:
    """Layers that count on from the model's own, whose lists describe them too; None where those are too short."""
    routing, first = routing_of(source), source.num_layers
    try:
        kinds = [(attention_kind(source, index), index in routing) for index in range(first, first + count)]
    except BadInputError:
        return None
    join = (*joined(source, "eh_proj", "enorm", "hnorm", "shared_head.norm"), kept_head(source))
    layers = each_kind(kinds, lambda kind: extended(_layer(source, *kind), *join))
    return numbered(source, target, layers)


def kept_head(source: Source) -> Linear:
    """An output head per layer, in whose place vLLM never puts the model's (`has_own_lm_head`)."""
    rows = -(-source.vocab_size // VOCABULARY_PADDING) * VOCABULARY_PADDING
    return Linear("shared_head.head", source.hidden_size, (Output(rows),), "column", quantized=False)


STEP3P5 = Family(step3p5, prediction=_prediction)


def _layer(source: Source, kind: tuple[str, float, str], routes: bool) -> Layer:
    rest = (
        routed_experts(source) if routes else gated_mlp("mlp", source.hidden_size, source.intermediate_size)
    )
    return layer_of(*_attention(source, *kind), *norms(source.hidden_size, *TWO_NORMS), *rest)


def attention_kind(source: Source, index: int) -> tuple[str, float, str]:
    """(kind, rotated share, base of the rotation) of a layer."""
    text = source.text
    kinds = text.optional_list("layer_types_with_mtp", "layer_types")
    kind = "sliding_attention" if index % 2 == 0 else "full_attention"
    if kinds:
        kind = str(_entry(source, "layer_types", kinds, index))
    shares = text.optional_list("partial_rotary_factors")
    share = _entry(source, "partial_rotary_factors", shares, index) if shares else 1.0
    if not isinstance(share, int | float) or not 0.0 < share <= 1.0:
        raise BadInputError(f"{text.name}: {text.path}partial_rotary_factors must lie in (0, 1]")
    base = text.raw("rope_theta")
    theta = _entry(source, "rope_theta", base, index) if isinstance(base, list) else base
    return kind, float(share), f"{theta}"


def _entry(source: Source, key: str, values: Sequence[Any], index: int) -> Any:
    if index < len(values):
        return values[index]
    raise BadInputError(
        f"{source.text.name}: {source.text.path}{key} has {len(values)} entries, layer {index} has none"
    )


def heads_of(source: Source, kind: str) -> tuple[int, int, int]:
    """(query heads, KV heads, their size) of layers of a kind, which `attention_other_setting` may give others."""
    text = source.text
    other = text.optional_section("attention_other_setting")
    own = (
        other
        if other is not None and kind == other.optional_str("attention_type")
        else ConfigReader({}, text.name)
    )
    heads = own.optional_int("num_attention_heads") or source.num_heads
    size = own.optional_int("head_dim") or source.head_size()
    groups = own.optional_int("num_attention_groups") or text.int(
        "num_attention_groups", "num_key_value_heads", minimum=1
    )
    return heads, groups, size


def rotation_of(source: Source, kind: str, share: float, theta: str) -> RopeParameters:
    """Scaled only in layers of `yarn_only_types`, where the file lists any."""
    text = source.text
    stated = rope_parameters(text)
    scaled = kind in (text.optional_list("yarn_only_types") or (kind,))
    return RopeParameters(
        stated.rope_type if scaled else "default",
        stated.factor if scaled else None,
        stated.original_max_position,
        share,
        has_mrope=False,
        identity=f"{stated.identity if scaled else ''}{share}{theta}",
    )


def _attention(source: Source, kind: str, share: float, theta: str) -> Block:
    text = source.text
    window = text.optional_int("sliding_window") if kind == "sliding_attention" else None
    heads, groups, size = heads_of(source, kind)
    parts = attention(
        source,
        "self_attn",
        rotary_table(size, source.max_position, rotation_of(source, kind, share, theta)),
        heads=heads,
        kv_heads=groups,
        head_size=size,
        bias=text.bool("attention_bias", default=False),
        qk_norm="head",
        window=window,
    )
    if text.bool("use_head_wise_attn_gate", default=False):
        return (*parts, column("self_attn.g_proj", source.hidden_size, heads))
    return parts


def routed_experts(source: Source) -> tuple[Part, ...]:
    text, hidden = source.text, source.hidden_size
    count, inner = text.int("moe_num_experts", minimum=1), text.int("moe_intermediate_size", minimum=1)
    shared = text.optional_int("share_expert_dim") or inner * text.int("moe_top_k", minimum=1)
    return (
        router("moe.gate", hidden, count, float32=True),
        Tensor("moe.router_bias", count, element_bytes=FLOAT32_BYTES),
        *gated_mlp("moe.share_expert", hidden, shared, is_shared_expert=True),
        experts("moe.experts", count, hidden, inner),
    )


def routing_of(source: Source) -> frozenset[int]:
    """The layers with experts: `moe_layers_enum`, numbers separated by commas; all but the first where it is absent."""
    stated = source.text.raw("moe_layers_enum")
    if stated is None:
        return frozenset(range(1, source.num_layers))
    words = stated.split(",") if isinstance(stated, str) else stated
    try:
        return frozenset(int(word) for word in words)
    except (TypeError, ValueError):
        raise BadInputError(
            f"{source.text.name}: {source.text.path}moe_layers_enum must be layer numbers separated by commas"
        ) from None
