"""Ling 3: Kimi delta attention, gated latent attention in the last layer of each group, experts (vLLM 0.32,
bailing_moe_v3.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.attention import KimiDeltaState
from vllm_costmeter.core.model.parts import Buffer, Linear, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    column,
    experts,
    gated_mlp,
    norms,
    replicated,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import latent_attention
from vllm_costmeter.sources.model_config.families.prediction import extended, head, numbered
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_GATES = ("head_wise", "element_wise")


def bailing_v3(source: Source) -> Weights:
    """Every `layer_group_size`-th layer attends to all tokens, and so do those of a last group that is not full."""
    text, hidden, count = source.text, source.hidden_size, source.num_layers
    if not text.bool("no_kda_lora", default=False):
        raise NotUnderstoodError(f"{text.name}: vLLM serves this architecture with no_kda_lora alone")
    for reader in (source.root, text):
        section = reader.optional_section("quantization_config")
        if section is not None and section.has("routed_experts_quant_method"):
            raise NotUnderstoodError(
                f"{text.name}: experts in a format of their own (routed_experts_quant_method) are not known"
            )
    group = text.int("layer_group_size", default=5, minimum=1)
    first = text.int("first_k_dense_replace", default=1)
    bias = text.bool("use_bias", default=False)

    def layer(kind: tuple[bool, bool]) -> Layer:
        is_delta, routes = kind
        half = _experts(source) if routes else gated_mlp("mlp", hidden, source.intermediate_size, bias)
        return layer_of(*(_delta(source) if is_delta else _latent(source)), *norms(hidden, *TWO_NORMS), *half)

    grouped = count // group * group
    kinds = [
        ((index + 1) % group != 0 and index < grouped, text.int("num_experts") > 0 and index >= first)
        for index in range(count)
    ]
    return language_model(source, each_kind(kinds, layer), tied=False, embedding="model.word_embeddings")


def _latent(source: Source) -> Block:
    text, hidden = source.text, source.hidden_size
    gate = text.raw("gated_attention_proj_granularity_type")
    width = source.num_heads * (text.int("v_head_dim", default=128) if gate == "element_wise" else 1)
    return (
        *latent_attention(source, _rotary(source)),
        *((column("self_attn.g_proj", hidden, width),) if gate in _GATES else ()),
    )


def _rotary(source: Source) -> Buffer:
    """The whole of `qk_rope_head_dim`, whatever share the file states; a model that sees has sections in it
    (BailingMoeV3VLConfig), which make the table as long as for video."""
    parameters = replace(rope_parameters(source.text), partial_rotary_factor=1.0)
    if source.prefix or parameters.rope_type == "bailing_mrope":
        parameters = replace(parameters, has_mrope=True, rope_type="default")
    return rotary_table(source.text.int("qk_rope_head_dim", minimum=1), source.max_position, parameters)


def _delta(source: Source) -> Block:
    """As Kimi-Linear's, with whole projections for its gates."""
    hidden, heads, size, name = source.hidden_size, source.num_heads, source.head_size(), "self_attn"
    kernel = source.text.int("short_conv_kernel_size", default=4, minimum=1)
    by_head = Output(heads, size)
    fused = ("q_proj", "k_proj", "v_proj", "b_proj")
    return (
        Linear(
            f"{name}.qkvb_proj",
            hidden,
            (by_head, by_head, by_head, Output(heads)),
            "column",
            fused_from=fused,
        ),
        column(f"{name}.f_proj", hidden, heads * size),
        column(f"{name}.g_proj", hidden, heads * size),
        row(f"{name}.o_proj", heads * size, hidden),
        Tensor(f"{name}.conv1d", 3 * heads, size * kernel, split=True, element_bytes=FLOAT32_BYTES),
        Tensor(f"{name}.dt_bias", heads, size, split=True, element_bytes=FLOAT32_BYTES),
        Tensor(f"{name}.A_log", heads, split=True, element_bytes=FLOAT32_BYTES),
        *norms(size, f"{name}.o_norm"),
        KimiDeltaState(heads, size, kernel),
    )


def _experts(source: Source) -> Block:
    text, hidden, count = source.text, source.hidden_size, source.text.int("num_experts", minimum=1)
    shared = text.int("moe_shared_expert_intermediate_size", minimum=1) * text.int(
        "num_shared_experts", default=1
    )
    return (
        router("mlp.gate", hidden, count, float32=True),
        Tensor("mlp.gate.expert_bias", count, element_bytes=FLOAT32_BYTES),
        experts("mlp.experts", count, hidden, text.int("moe_intermediate_size", minimum=1)),
        *gated_mlp("mlp.shared_experts", hidden, shared, text.bool("use_bias", default=False)),
    )


def prediction(source: Source, target: Weights, count: int) -> Weights:
    """A layer of latent attention and experts, with an embedding and a head."""
    hidden = source.hidden_size
    layer = layer_of(*_latent(source), *norms(hidden, *TWO_NORMS), *_experts(source))
    around = norms(hidden, "enorm", "hnorm", "final_layernorm")
    join = replicated("eh_proj", 2 * hidden, hidden)
    own = extended(layer, join, *around, head(source, "shared_head.head"))
    return numbered(source, target, [own] * count)


BAILING_V3 = Family(bailing_v3, prediction=prediction)
