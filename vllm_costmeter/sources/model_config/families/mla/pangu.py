"""openPangu's mixtures: latent attention (Ultra MoE) or ordinary heads, two or four norms (vLLM 0.17 to 0.33,
openpangu.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.attention import FullAttention
from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Linear, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    QKV,
    TWO_NORMS,
    attention,
    experts,
    gated_mlp,
    norms,
    router,
    row,
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
    """Latent where the file has all its keys, else ordinary heads, or some with sinks that are parameters."""
    text = source.text
    if all(text.has(key) for key in _LATENT_KEYS):
        # vLLM states YaRN's kind and no scaling, whatever the file says
        identity = f"openpangu {text.raw('rope_theta')}"
        positions = source.max_position
        return latent_attention(
            source,
            latent_rotary(source, RopeParameters("deepseek_yarn", 1.0, positions, 1.0, False, identity)),
        )
    stated = text.bool("attention_bias", default=False) or text.bool("bias", default=False)
    sinks = text.int("param_sink_number", default=0)
    if sinks:
        return _sink_attention(source, sinks, text.bool("qkv_bias", default=stated), stated)
    return attention(
        source,
        "self_attn",
        rotary_table(source.head_size(), source.max_position, rope_parameters(text)),
        bias=text.bool("qkv_bias", default=stated),
        out_bias=stated,
    )


def _sink_attention(source: Source, sinks: int, bias: bool, out_bias: bool) -> Block:
    """Pro MoE V2's: narrower values, a norm of keys, and `sinks` keys and values of each head in front of every
    sequence. `interleaved_sliding_window` cuts what a layer reads, not what it keeps; the rotary base is fixed."""
    text, hidden, name = source.text, source.hidden_size, "self_attn"
    heads, kv_heads = source.num_heads, source.num_kv_heads
    rope = text.int("qk_rope_dim", minimum=1)
    size, size_v = rope + text.int("qk_nope_dim", minimum=0), text.int("v_channels", minimum=1)
    outputs = (Output(heads, size), Output(kv_heads, size), Output(kv_heads, size_v))
    table = rotary_table(
        rope, source.max_position, RopeParameters("default", 1.0, None, 1.0, False, "openpangu sinks")
    )
    return (
        Linear(f"{name}.qkv_proj", hidden, outputs, "column", bias, fused_from=QKV),
        row(f"{name}.o_proj", heads * size_v, hidden, out_bias),
        AttentionScales(f"{name}.attn"),
        FullAttention(kv_heads, size, None if size == size_v else size_v, sinks),
        *norms(size, f"{name}.k_layernorm"),
        Tensor(f"{name}.param_sink_key", kv_heads, sinks * size, split=True),
        Tensor(f"{name}.param_sink_value", kv_heads, sinks * size_v, split=True)
        if text.bool("param_sink_with_value", default=False)
        else Buffer(f"{name}.param_sink_value", kv_heads * sinks * size_v, kv_heads=kv_heads),
        table,
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
