"""Aria: a Llama whose every layer routes to experts, behind a tower (vLLM 0.32, aria.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, experts, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.dense.style import LLAMA, style_attention
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.aria import aria as tower_aria

_NAMES = (
    ("model.language_model.", "language_model."),
    ("model.vision_tower.", "vision_tower."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("language_model.model", "language_model"),
    ("language_model.lm_head", "lm_head"),
)


def aria(source: Source) -> Weights:
    """Its shared experts are one wide MLP."""
    text, hidden, inner = source.text, source.hidden_size, source.intermediate_size
    count = text.int("moe_num_experts", minimum=1)
    shared = inner * text.int("moe_num_shared_experts", minimum=1)
    layer = layer_of(
        *style_attention(source, LLAMA),
        *norms(hidden, *TWO_NORMS),
        Tensor("mlp.router_weight", count * hidden),
        *gated_mlp("mlp.shared_experts", hidden, shared, text.bool("mlp_bias", default=False)),
        experts("mlp.experts", count, hidden, inner),
    )
    return language_model(source, [layer] * source.num_layers, tied=False)


ARIA = Family(aria, tower_aria, _NAMES, is_pipelined=False)
