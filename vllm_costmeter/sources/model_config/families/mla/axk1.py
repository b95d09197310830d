"""A.X K1: DeepSeek's layers with a third norm, and a head of its own even if the file ties it (vLLM 0.19 to 0.33,
AXK1.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, experts, gated_mlp, norms, router
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import latent_attention, latent_rotary
from vllm_costmeter.sources.model_config.families.source import Source


def axk1(source: Source) -> Weights:
    """Dense layers up to `first_k_dense_replace`, then each `moe_layer_freq`-th routes."""
    text, hidden = source.text, source.hidden_size
    count = text.int("n_routed_experts", minimum=1)
    first = text.int("first_k_dense_replace")
    every = text.int("moe_layer_freq", default=1, minimum=1)
    rotary = latent_rotary(source)

    def layer(routes: bool) -> Layer:
        half = _experts(source, count) if routes else gated_mlp("mlp", hidden, source.intermediate_size)
        return layer_of(
            *latent_attention(source, rotary), *norms(hidden, *TWO_NORMS, "post_mlp_layernorm"), *half
        )

    kinds = [index >= first and index % every == 0 for index in range(source.num_layers)]
    return language_model(source, each_kind(kinds, layer), tied=False)


def _experts(source: Source, count: int) -> Block:
    text, hidden = source.text, source.hidden_size
    inner = text.int("moe_intermediate_size", minimum=1)
    shared = text.int("n_shared_experts", default=0)
    corrects = text.raw("topk_method") in (None, "noaux_tc")
    bias = Tensor("mlp.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES)
    return (
        router("mlp.gate", hidden, count),
        experts("mlp.experts", count, hidden, inner),
        *((bias,) if corrects else ()),
        *(gated_mlp("mlp.shared_experts", hidden, inner * shared, is_shared_expert=True) if shared else ()),
    )
