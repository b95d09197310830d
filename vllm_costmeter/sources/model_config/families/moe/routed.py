"""Decoders whose first layers are dense and whose others route to experts, mostly beside a shared one: GLM 4.5, the
first DeepSeek, Ling (vLLM 0.32)."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    QKNorm,
    experts,
    gated_mlp,
    norms,
    router,
)
from vllm_costmeter.sources.model_config.families.dense.style import Names, Style, style_attention
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, Edge, language_model, layer_of
from vllm_costmeter.sources.model_config.families.prediction import like_deepseek
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import model_window

_BAILING_NAMES = Names("model.word_embeddings", attention="attention", out="dense")


def glm4_moe(source: Source) -> Weights:
    """GLM 4.5 and 4.6: half of each head is rotated."""
    text = source.text
    norm: QKNorm = "head" if text.bool("use_qk_norm", default=False) else "none"
    style = Style(out_bias=False, qk_norm=norm, partial_rotary=0.5)
    half = routed(source, "n_routed_experts", "n_shared_experts", float32=True, correction="gate")
    return dense_first(source, style_attention(source, style), half, "first_k_dense_replace")


def deepseek_v1(source: Source) -> Weights:
    """DeepSeek MoE 16B: ordinary attention."""
    text = source.text
    every = text.int("moe_layer_freq", default=1, minimum=1)
    first = text.int("first_k_dense_replace", default=0)
    half = routed(source, "n_routed_experts", "n_shared_experts")
    parts = style_attention(source, Style(), model_window(source))
    return two_kinds(source, parts, half, lambda index: index >= first and index % every == 0)


def bailing(source: Source) -> Weights:
    """Ling 1 and 2 (Bailing MoE): head norms with biases, and a float32 bias of the router, where the file says so."""
    text = source.text
    style = Style(
        bias_key="use_qkv_bias", out_bias=text.bool("use_bias", default=False), names=_BAILING_NAMES
    )
    parts = style_attention(source, style, model_window(source))
    if text.bool("use_qk_norm", default=False):
        size = source.head_size()
        parts += norms(size, "attention.query_layernorm", "attention.key_layernorm", bias=True)
    corrected = text.bool("moe_router_enable_expert_bias", default=False)
    half = routed(source, "num_experts", "num_shared_experts", correction="gate" if corrected else "")
    return dense_first(source, parts, half, "first_k_dense_replace", embedding="model.word_embeddings")


def routed(
    source: Source,
    count_key: str,
    shared_key: str,
    *,
    width_key: str = "moe_intermediate_size",
    float32: bool = False,
    correction: str = "",
    shared_name: str = "mlp.shared_experts",
) -> tuple[Part, ...]:
    """Router, routed experts and the shared ones as one wide MLP; `correction`: which module has the float32 bias that
    corrects the router."""
    text, hidden = source.text, source.hidden_size
    count = text.int(count_key, minimum=1)
    inner = text.int(width_key, "moe_intermediate_size", minimum=1)
    parts: list[Part] = [
        router("mlp.gate", hidden, count, float32=float32),
        experts("mlp.experts", count, hidden, inner),
    ]
    if correction:
        parts.append(Tensor(f"{correction}.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES))
    shared = text.int(shared_key, default=0)
    return (*parts, *gated_mlp(shared_name, hidden, inner * shared)) if shared else tuple(parts)


def dense_first(
    source: Source,
    attention: Block,
    half: tuple[Part, ...],
    first_key: str,
    *,
    embedding: str = "model.embed_tokens",
    on_every_rank: tuple[Edge, ...] = (),
) -> Weights:
    first = source.text.int(first_key, default=0)
    return two_kinds(
        source,
        attention,
        half,
        lambda index: index >= first,
        embedding=embedding,
        on_every_rank=on_every_rank,
    )


def two_kinds(
    source: Source,
    attention: Block,
    half: tuple[Part, ...],
    is_sparse: Callable[[int], bool],
    *,
    tied: bool = False,
    embedding: str = "model.embed_tokens",
    on_every_rank: tuple[Edge, ...] = (),
) -> Weights:
    """Layers of two kinds; `tied` where the file says nothing about the head."""
    hidden = source.hidden_size
    shared = (*attention, *norms(hidden, *TWO_NORMS))
    sparse = layer_of(*shared, *half)
    numbers = [is_sparse(index) for index in range(source.num_layers)]
    dense = sparse if all(numbers) else layer_of(*shared, *gated_mlp("mlp", hidden, source.intermediate_size))
    layers = [sparse if routes else dense for routes in numbers]
    return language_model(
        source, layers, tied=source.is_tied(tied), embedding=embedding, on_every_rank=on_every_rank
    )


def _glm4(source: Source, target: Weights, count: int) -> Weights:
    return like_deepseek(source, target, count, target.layers[-1])


GLM4_MOE = Family(glm4_moe, prediction=_glm4)
