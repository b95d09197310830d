"""Qwen 2 and 3 with experts (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Part
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    experts,
    gated_mlp,
    norms,
    replicated,
)
from vllm_costmeter.sources.model_config.families.dense.style import (
    QWEN2,
    QWEN3_MOE,
    QWEN3_VL,
    Style,
    style_attention,
)
from vllm_costmeter.sources.model_config.families.layers import EDGES, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source


def qwen_moe(source: Source, style: Style = QWEN3_MOE) -> Weights:
    """Qwen2-MoE, Qwen3-MoE and Qwen3-VL-MoE: a dense MLP on the layers that the config names or skips."""
    hidden = source.hidden_size

    def layer(kind: tuple[int | None, bool]) -> Layer:
        window, is_sparse = kind
        half = (
            qwen_experts(source, quantized_router=style.qk_norm == "head")
            if is_sparse
            else gated_mlp("mlp", hidden, source.intermediate_size)
        )
        return layer_of(*style_attention(source, style, window), *norms(hidden, *TWO_NORMS), *half)

    kinds = zip(style.windows(source), routes(source), strict=True)
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied(), on_every_rank=EDGES)


def routes(source: Source) -> list[bool]:
    """Which layers have experts."""
    sparse_step = source.text.int("decoder_sparse_step", default=1, minimum=1)
    dense_only = _int_set(source, "mlp_only_layers")
    return [index not in dense_only and (index + 1) % sparse_step == 0 for index in range(source.num_layers)]


def qwen_experts(source: Source, *, quantized_router: bool = False) -> tuple[Part, ...]:
    """Router, routed experts and, where the config has one, the gated shared expert. Qwen 3 alone quantizes its router
    where the checkpoint's rules do not leave it out."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_experts", minimum=1)
    parts: list[Part] = [
        replicated("mlp.gate", hidden, count, quantized=quantized_router),
        experts("mlp.experts", count, hidden, text.int("moe_intermediate_size", minimum=1)),
    ]
    shared = text.int("shared_expert_intermediate_size", default=0)
    if shared:
        parts += gated_mlp("mlp.shared_expert", hidden, shared)
        parts.append(replicated("mlp.shared_expert_gate", hidden, 1, quantized=False))
    return tuple(parts)


def _int_set(source: Source, key: str) -> set[int]:
    return {index for index in source.text.optional_list(key) or [] if isinstance(index, int)}


def qwen2_moe(source: Source) -> Weights:
    return qwen_moe(source, QWEN2)


def qwen3_vl_moe(source: Source) -> Weights:
    return qwen_moe(source, QWEN3_VL)
