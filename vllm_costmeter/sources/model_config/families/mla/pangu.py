"""openPangu's mixtures: latent attention (Ultra MoE) or ordinary heads, two or four norms (vLLM 0.17 to 0.33,
openpangu.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
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
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import latent_attention, latent_rotary
from vllm_costmeter.sources.model_config.families.prediction import like_its_layers
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rope_parameters, rotary_table

_LATENT_KEYS = ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "kv_lora_rank")
_SANDWICH = (*TWO_NORMS, "pre_mlp_layernorm", "post_mlp_layernorm")


def pangu_moe(source: Source) -> Weights:
    """Dense layers up to `first_k_dense_replace`; four norms where `sandwich_norm` says so."""
    text, hidden = source.text, source.hidden_size
    first = text.int("first_k_dense_replace")
    names = _SANDWICH if text.bool("sandwich_norm", default=False) else TWO_NORMS
    attends = _attention(source)
    routed = _experts(source)
    mlp_bias = text.bool("mlp_bias", default=False)

    def layer(routes: bool) -> Layer:
        half = routed if routes else gated_mlp("mlp", hidden, source.intermediate_size, mlp_bias)
        return layer_of(*attends, *norms(hidden, *names), *half)

    kinds = [index >= first for index in range(source.num_layers)]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied())


PANGU_MOE = Family(pangu_moe, prediction=like_its_layers)


def _attention(source: Source) -> Block:
    """Latent where the file has all its keys; with sinks that are parameters (Pro MoE V2) it is not known."""
    text = source.text
    if all(text.has(key) for key in _LATENT_KEYS):
        # vLLM states YaRN's kind and no scaling, whatever the file says
        identity = f"openpangu {text.raw('rope_theta')}"
        positions = source.max_position
        return latent_attention(
            source,
            latent_rotary(source, RopeParameters("deepseek_yarn", 1.0, positions, 1.0, False, identity)),
        )
    if text.int("param_sink_number", default=0):
        raise NotUnderstoodError(
            f"{text.name}: attention sinks that are parameters ({text.path}param_sink_number) are not known"
        )
    stated = text.bool("attention_bias", default=False) or text.bool("bias", default=False)
    return attention(
        source,
        "self_attn",
        rotary_table(source.head_size(), source.max_position, rope_parameters(text)),
        bias=text.bool("qkv_bias", default=stated),
        out_bias=stated,
    )


def _experts(source: Source) -> Block:
    text, hidden = source.text, source.hidden_size
    count, inner = text.int("n_routed_experts", minimum=1), text.int("moe_intermediate_size", minimum=1)
    shared = text.int("n_shared_experts", default=0)
    corrects = text.bool("router_enable_expert_bias", default=False)
    bias = Tensor("mlp.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES)
    return (
        router("mlp.gate", hidden, count),
        experts("mlp.experts", count, hidden, inner),
        *((bias,) if corrects else ()),
        *(gated_mlp("mlp.shared_experts", hidden, inner * shared, is_shared_expert=True) if shared else ()),
    )
