"""Kimi-Linear: Kimi delta attention, latent attention without positions in some layers, experts (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import KimiDeltaState
from vllm_costmeter.core.model.parts import Buffer, Experts, Linear, Output, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    W_NAMES,
    column,
    gated_mlp,
    norms,
    replicated,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import latent_attention
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.reader import ConfigReader

_MLP = "block_sparse_moe"

_LEAST_SHARE = 256  # of an expert on one rank, models/kimi_k3/nvidia/model.py (0.28 to 0.32)


def kimi_linear(source: Source) -> Weights:
    """`linear_attn_config` lists the layers of either kind, counted from 1."""
    text, hidden = source.text, source.hidden_size
    section = text.optional_section("linear_attn_config")
    if section is None:
        raise BadInputError(f"{text.name}: linear_attn_config is missing: this architecture needs it")
    full = section.optional_list("full_attn_layers") or []
    count = text.int("num_experts", default=0)
    first = text.int("first_k_dense_replace", default=0)
    every = text.int("moe_layer_freq", default=1, minimum=1)
    sparse = _experts(source, count) if count else ()

    def layer(kind: tuple[bool, bool]) -> Layer:
        is_full, routes = kind
        half = sparse if routes else gated_mlp("mlp", hidden, source.intermediate_size)
        mixer = _latent(source) if is_full else _delta(source, section)
        return layer_of(*mixer, *half, *norms(hidden, "input_layernorm", "post_attention_layernorm"))

    kinds = [
        (index + 1 in full, count > 0 and index >= first and index % every == 0)
        for index in range(source.num_layers)
    ]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied())


def _delta(source: Source, section: ConfigReader) -> Block:
    return delta_attention(
        source,
        "self_attn",
        heads=section.int("num_heads", minimum=1),
        size=section.int("head_dim", minimum=1),
        kernel=section.int("short_conv_kernel_size", default=4, minimum=1),
    )


def delta_attention(source: Source, name: str, *, heads: int, size: int, kernel: int) -> Block:
    """Kimi delta attention: gates through a rank of one head's size."""
    hidden = source.hidden_size
    by_head = Output(heads, size)
    fused = (by_head, by_head, by_head, Output(1, size, replicated=True), Output(heads))
    names = ("q_proj", "k_proj", "v_proj", "f_a_proj", "b_proj")
    return (
        Linear(f"{name}.in_proj_qkvgfab", hidden, fused, "column", fused_from=names),
        column(f"{name}.f_b_proj", size, heads * size),
        replicated(f"{name}.g_a_proj", hidden, size),
        column(f"{name}.g_b_proj", size, heads * size),
        row(f"{name}.o_proj", heads * size, hidden),
        Tensor(f"{name}.conv1d", 3 * heads, size * kernel, split=True, element_bytes=FLOAT32_BYTES),
        Tensor(f"{name}.dt_bias", heads, size, split=True, element_bytes=FLOAT32_BYTES),
        Tensor(f"{name}.A_log", heads, split=True, element_bytes=FLOAT32_BYTES),
        *norms(size, f"{name}.o_norm"),
        KimiDeltaState(heads, size, kernel),
    )


def _latent(source: Source) -> Block:
    """As DeepSeek's, without rotary positions."""
    return (*latent_attention(source, None), Buffer("self_attn._one_scale", 1, FLOAT32_BYTES))


def _experts(source: Source, count: int) -> tuple[Part, ...]:
    text, hidden = source.text, source.hidden_size
    inner = text.int("moe_intermediate_size", minimum=1)
    shared = text.int("num_shared_experts", default=0)
    least = text.int("min_moe_intermediate_per_partition", default=_LEAST_SHARE)
    return (
        router(f"{_MLP}.gate", hidden, count),
        Tensor(f"{_MLP}.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES),
        Experts(f"{_MLP}.experts", count, hidden, inner, checkpoint_names=W_NAMES, least_share=least),
        *(
            gated_mlp(f"{_MLP}.shared_experts", hidden, inner * shared, is_shared_expert=True)
            if shared
            else ()
        ),
    )
