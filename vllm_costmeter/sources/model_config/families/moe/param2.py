"""Param 2 (BharatGen): head norms, a float32 router, experts beside a shared one (vLLM 0.19 to 0.33, param2moe.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    attention,
    experts,
    gated_mlp,
    norms,
    router,
)
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def param2_moe(source: Source) -> Weights:
    """Dense layers up to `first_k_dense_replace`, 1 where the file does not say."""
    text, hidden = source.text, source.hidden_size
    first = text.int("first_k_dense_replace", default=1)
    attends = _attention(source)
    routed = _experts(source)

    def layer(routes: bool) -> Layer:
        half = routed if routes else gated_mlp("mlp", hidden, source.intermediate_size)
        return layer_of(*attends, *norms(hidden, *TWO_NORMS), *half)

    kinds = [index >= first for index in range(source.num_layers)]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied())


def _attention(source: Source) -> Block:
    text = source.text
    return attention(
        source,
        "self_attn",
        rotary_table(source.head_size(), source.max_position, rope_parameters(text)),
        bias=text.bool("use_qkv_bias", default=False),
        out_bias=text.bool("use_bias", default=False),
        qk_norm="head" if text.bool("use_qk_norm", default=False) else "none",
        fused_from=("query_key_value",),
    )


def _experts(source: Source) -> Block:
    """`moe_shared_expert_intermediate_size` is the width of all shared experts together."""
    text, hidden = source.text, source.hidden_size
    count, inner = text.int("num_experts", minimum=1), text.int("moe_intermediate_size", minimum=1)
    shared = text.int("num_shared_experts", default=1)
    width = text.int("moe_shared_expert_intermediate_size", default=inner * shared) if shared else 0
    corrects = text.bool("moe_router_enable_expert_bias", default=True)
    bias = Tensor("mlp.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES)
    return (
        router("mlp.gate", hidden, count, float32=True),
        experts("mlp.experts", count, hidden, inner),
        *((bias,) if corrects else ()),
        *(gated_mlp("mlp.shared_experts", hidden, width) if width else ()),
    )
