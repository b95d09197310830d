"""Sarvam 105B: DeepSeek's latent attention, with Ling's names for its experts (vLLM 0.18 to 0.33, sarvam.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, experts, gated_mlp, norms, router
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import latent_attention, latent_rotary
from vllm_costmeter.sources.model_config.families.source import Source


def sarvam_mla(source: Source) -> Weights:
    """Dense layers up to `first_k_dense_replace` (1 where the file does not say), then each `moe_layer_freq`-th
    routes."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_experts", default=0)
    first = text.int("first_k_dense_replace", default=1)
    every = text.int("moe_layer_freq", default=1, minimum=1)
    rotary = latent_rotary(source)

    def layer(routes: bool) -> Layer:
        half = _experts(source, count) if routes else gated_mlp("mlp", hidden, source.intermediate_size)
        return layer_of(*latent_attention(source, rotary), *norms(hidden, *TWO_NORMS), *half)

    kinds = [
        count > 0 and index >= first and (index - first) % every == 0 for index in range(source.num_layers)
    ]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied())


def _experts(source: Source, count: int) -> Block:
    text, hidden = source.text, source.hidden_size
    inner = text.int("moe_intermediate_size", minimum=1)
    shared = text.int("num_shared_experts", default=1)
    width = shared * text.int("moe_shared_expert_intermediate_size", default=inner)
    corrects = text.bool("moe_router_enable_expert_bias", default=True)
    return (
        router("mlp.gate", hidden, count),
        experts("mlp.experts", count, hidden, inner),
        *(
            [Tensor("mlp.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES)]
            if corrects
            else []
        ),
        *(gated_mlp("mlp.shared_experts", hidden, width) if width else ()),
    )
