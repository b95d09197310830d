"""LongCat Flash: two latent attentions and two MLPs per layer, experts of which some do nothing (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import experts, gated_mlp, norms, router
from vllm_costmeter.sources.model_config.families.layers import language_model, layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import latent_attention, latent_rotary
from vllm_costmeter.sources.model_config.families.source import Source


def longcat_flash(source: Source) -> Weights:
    """`num_layers` double layers; experts that do nothing have a row of the router and no weights."""
    text, hidden = source.text, source.hidden_size
    count = text.int("n_routed_experts", minimum=1)
    routed = count + text.int("zero_expert_num", default=0)
    rotary = latent_rotary(source)
    width = text.int("ffn_hidden_size", "intermediate_size", minimum=1)
    halves = [
        part
        for half in ("0", "1")
        for part in (
            *latent_attention(source, rotary, f"self_attn.{half}"),
            *gated_mlp(f"mlps.{half}", hidden, width),
            *norms(hidden, f"input_layernorm.{half}", f"post_attention_layernorm.{half}"),
        )
    ]
    inner = text.int("expert_ffn_hidden_size", "moe_intermediate_size", minimum=1)
    layer = layer_of(
        *halves,
        router("mlp.router.classifier", hidden, routed, float32=True),
        Tensor("mlp.router.e_score_correction_bias", routed, element_bytes=FLOAT32_BYTES),
        experts("mlp.experts", count, hidden, inner),
    )
    layers = text.int("num_layers", default=source.num_layers, minimum=1, maximum=1024)
    return language_model(source, [layer] * layers, tied=source.is_tied())
