"""Hunyuan MoE and Hunyuan 3 (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, experts, gated_mlp, norms, router
from vllm_costmeter.sources.model_config.families.dense.style import Style, dense_attention, style_attention
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import EDGES, language_model, layer_of
from vllm_costmeter.sources.model_config.families.moe.routed import dense_first, routed
from vllm_costmeter.sources.model_config.families.prediction import extended, head, joined, numbered
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.layer_types import width_of_layer


def hunyuan_moe(source: Source) -> Weights:
    """Hunyuan MoE (A13B): a shared expert as wide as a dense MLP; run by transformers' code."""
    text, hidden, size = source.text, source.hidden_size, source.head_size()
    count = text.int("num_experts", minimum=1)
    widths = {width_of_layer(text, "moe_intermediate_size", index) for index in range(source.num_layers)}
    if len(widths) > 1:
        raise NotUnderstoodError(f"{text.name}: Hunyuan MoE with experts of several widths is not known")
    layer = layer_of(
        *dense_attention(source, Style(), None),
        *norms(size, "self_attn.query_layernorm", "self_attn.key_layernorm"),
        router("mlp.gate.wg", hidden, count),
        experts("mlp.experts", count, hidden, widths.pop()),
        *gated_mlp("mlp.shared_mlp", hidden, source.intermediate_size),
        *norms(hidden, *TWO_NORMS),
    )
    frequencies = Buffer("model.rotary_emb.inv_freq", 2 * (size // 2), FLOAT32_BYTES)
    return language_model(
        source, [layer] * source.num_layers, tied=source.is_tied(), extra_everywhere=(frequencies,)
    )


def hunyuan3(source: Source) -> Weights:
    """Hunyuan 3: the shared expert is called a shared MLP."""
    text = source.text
    style = Style(qk_norm="head" if text.bool("qk_norm", default=True) else "none")
    corrected = text.bool("moe_router_enable_expert_bias", default=True)
    half = routed(
        source,
        "num_experts",
        "num_shared_experts",
        width_key="expert_hidden_dim",
        float32=True,
        correction="mlp" if corrected else "",
        shared_name="mlp.shared_mlp",
    )
    parts = style_attention(source, style)
    return dense_first(source, parts, half, "first_k_dense_replace", on_every_rank=EDGES)


def _hunyuan3(source: Source, target: Weights, count: int) -> Weights:
    join = joined(source, "eh_proj", "enorm", "hnorm", "final_layernorm")
    layer = extended(target.layers[-1], *join, head(source, "shared_head.head"))
    return numbered(source, target, [layer] * count)


HUNYUAN3 = Family(hunyuan3, prediction=_hunyuan3)
