"""Ling and Ring 2.5: lightning attention, latent attention in the last layer of each group (vLLM 0.20 to 0.33,
bailing_moe_linear.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.attention import LightningState
from vllm_costmeter.core.model.parts import Linear, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    column,
    experts,
    gated_mlp,
    norms,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import latent_attention
from vllm_costmeter.sources.model_config.families.prediction import extended, head, joined, numbered
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def bailing_hybrid(source: Source) -> Weights:
    """Every `layer_group_size`-th layer attends to all tokens; a head of its own even if the file ties it."""
    text, hidden = source.text, source.hidden_size
    group = text.int("layer_group_size", default=1)
    count = text.int("num_experts", minimum=1)
    first = text.int("first_k_dense_replace", default=0)
    bias = text.bool("use_bias", default=False)

    def layer(kind: tuple[bool, bool]) -> Layer:
        is_linear, routes = kind
        mixer = _lightning(source) if is_linear else _latent(source)
        half = _experts(source, count) if routes else gated_mlp("mlp", hidden, source.intermediate_size, bias)
        return layer_of(*mixer, *norms(hidden, *TWO_NORMS), *half)

    kinds = [
        (group > 0 and (index + 1) % group != 0, count > 1 and index >= first)
        for index in range(source.num_layers)
    ]
    return language_model(source, each_kind(kinds, layer), tied=False, embedding="model.word_embeddings")


def _prediction(source: Source, target: Weights, count: int) -> Weights:
    """A layer of latent attention and experts, with an embedding and a head (bailing_moe_mtp.py)."""
    hidden, experts_count = source.hidden_size, source.text.int("num_experts", minimum=1)
    layer = layer_of(*_latent(source), *norms(hidden, *TWO_NORMS), *_experts(source, experts_count))
    join = joined(source, "eh_proj", "enorm", "hnorm", "final_layernorm")
    return numbered(source, target, [extended(layer, *join, head(source, "shared_head.head"))] * count)


def _latent(source: Source) -> Block:
    """The whole of `qk_rope_head_dim` is rotated, whatever share of the other layers' heads."""
    size = source.text.int("qk_rope_head_dim", minimum=1)
    table = rotary_table(
        size, source.max_position, replace(rope_parameters(source.text), partial_rotary_factor=1.0)
    )
    return latent_attention(source, replace(table, name=f"{table.name},latent"))


def _lightning(source: Source) -> Block:
    """As MiniMax-Text's, with rotated positions; the gate's norm is divided by its groups."""
    text, hidden, heads = source.text, source.hidden_size, source.num_heads
    size, bias = source.head_size(), text.bool("use_bias", default=False)
    inner, groups = heads * size, text.int("group_norm_size", default=1, minimum=1)
    by_head = Output(heads, size)
    head_norms = ("self_attn.query_layernorm", "self_attn.key_layernorm")
    return (
        Linear(
            "self_attn.query_key_value",
            hidden,
            (by_head, by_head, by_head),
            "column",
            bias or text.bool("use_qkv_bias", default=False),
        ),
        *(norms(size, *head_norms) if text.bool("use_qk_norm", default=False) else ()),
        column("self_attn.g_proj", hidden, inner),
        row("self_attn.dense", inner, hidden, bias),
        Tensor("self_attn.g_norm", groups, inner // groups, split=True),
        rotary_table(size, source.max_position, rope_parameters(text)),
        LightningState(heads, size),
    )


def _experts(source: Source, count: int) -> Block:
    text, hidden = source.text, source.hidden_size
    inner, shared = text.int("moe_intermediate_size", minimum=1), text.int("num_shared_experts")
    width = shared * text.int("moe_shared_expert_intermediate_size", default=inner)
    bias = Tensor("mlp.gate.expert_bias", count, element_bytes=FLOAT32_BYTES)
    return (
        router("mlp.gate", hidden, count, float32=text.raw("router_dtype") in (None, "fp32")),
        experts("mlp.experts", count, hidden, inner),
        *((bias,) if text.bool("moe_router_enable_expert_bias", default=False) else ()),
        *(
            gated_mlp("mlp.shared_experts", hidden, width, text.bool("use_bias", default=False))
            if width
            else ()
        ),
    )


BAILING_HYBRID = Family(bailing_hybrid, prediction=_prediction)
