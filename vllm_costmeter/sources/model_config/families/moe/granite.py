"""Granite 3 with experts, and Granite with sliding windows and sinks (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, column, experts, norms, router, row
from vllm_costmeter.sources.model_config.families.dense.style import Style, dense
from vllm_costmeter.sources.model_config.families.layers import (
    EDGES,
    Block,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import WindowRule, as_listed, as_stated
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def granite_moe(source: Source) -> Weights:
    """Granite 3.x MoE: attention on every layer; some with a shared MLP beside the experts."""
    return _moe(source, as_stated)


def granite_moe_swa(source: Source) -> Weights:
    """The same with sliding windows and one sink per head."""
    return _moe(source, as_listed, _sinks(source))


def granite_swa(source: Source) -> Weights:
    """Dense, with sliding windows and one sink per head."""
    return dense(source, Style(windows=as_listed, layer_extra=(_sinks(source),)))


def _moe(source: Source, windows: WindowRule, *extra: Part) -> Weights:
    rest = (*_experts(source), *_shared(source), *_norms(source), *extra)
    layers = each_kind(windows(source), lambda window: layer_of(*granite_attention(source, window), *rest))
    return language_model(source, layers, tied=source.is_tied(), on_every_rank=EDGES)


def _sinks(source: Source) -> Part:
    bases = source.text.optional_list("layer_rope_theta") or []
    if len(set(map(str, bases))) > 1:
        raise NotUnderstoodError(f"{source.text.name}: Granite with several rotary bases is not known")
    return Tensor("self_attn.sinks", source.num_heads, split=True)


def granite_attention(source: Source, window: int | None = None) -> Block:
    bias = source.text.bool("attention_bias", default=False)
    head_size = source.head_size()
    has_positions = source.text.raw("position_embedding_type") in (None, "rope")
    rotary = rotary_table(head_size, source.max_position, rope_parameters(source.text))
    return attention(
        "self_attn",
        source.hidden_size,
        source.num_heads,
        source.num_kv_heads,
        head_size,
        rotary if has_positions else None,
        window=window,
        bias=bias,
        out_bias=bias,
    )


def _experts(source: Source) -> tuple[Part, ...]:
    count = source.text.int("num_local_experts", default=0)
    if not count:
        return ()
    name = "block_sparse_moe"
    return (
        router(f"{name}.gate", source.hidden_size, count),
        experts(f"{name}.experts", count, source.hidden_size, source.intermediate_size),
    )


def _shared(source: Source) -> tuple[Part, ...]:
    width = source.text.int("shared_intermediate_size", default=0)
    if not width:
        return ()
    hidden = source.hidden_size
    return (
        column("shared_mlp.input_linear", hidden, width, width),
        row("shared_mlp.output_linear", width, hidden),
    )


def _norms(source: Source) -> tuple[Part, ...]:
    return norms(source.hidden_size, "input_layernorm", "post_attention_layernorm")


def granite_halves(source: Source) -> Block:
    """What follows the mixer of a layer: routed experts, a shared MLP, norms."""
    return (*_experts(source), *_shared(source), *_norms(source))
