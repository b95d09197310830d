"""Intern-S1-Pro's language model: Qwen 3 with experts and Fourier positions (vLLM 0.33, interns1_pro.py)."""

from __future__ import annotations

import math

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import Buffer, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.dense.style import QWEN3_MOE, dense_attention
from vllm_costmeter.sources.model_config.families.layers import EDGES, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.moe.qwen import qwen_experts, routes
from vllm_costmeter.sources.model_config.families.source import Source

_BASE = 10000.0  # of the rotation, where the file has none (get_rope of vLLM 0.33)


def interns1_pro(source: Source) -> Weights:
    hidden = source.hidden_size

    def layer(has_experts: bool) -> Layer:
        half = qwen_experts(source) if has_experts else gated_mlp("mlp", hidden, source.intermediate_size)
        return layer_of(*dense_attention(source, QWEN3_MOE, None), *norms(hidden, *TWO_NORMS), *half)

    return language_model(
        source,
        each_kind(routes(source), layer),
        tied=source.text.bool("tie_word_embeddings", default=False),  # whatever the root says
        on_every_rank=EDGES,
        extra_everywhere=_fourier(source),
    )


def _fourier(source: Source) -> tuple[Part, ...]:
    """Coefficients that mix the frequencies of each KV head, and a table of cosines and sines for each
    (rotary_embedding/fope.py): one set for all layers."""
    text, heads, size = source.text, source.num_kv_heads, source.head_size()
    section = text.optional_section("rope_scaling", "rope_parameters")
    stated = section.optional_int("num_inv_freq", minimum=1) if section is not None else None
    count = min(stated or _slow_enough(source), size // 2)
    return (
        Tensor("rotary_emb.cos_coef", heads, count * count, split=True, replicated=True),
        Tensor("rotary_emb.sin_coef", heads, count * count, split=True, replicated=True),
        Buffer("rotary_emb.inv_freq", count, FLOAT32_BYTES),
        Buffer("rotary_emb.cos_sin_cache", source.max_position * heads * 2 * size, kv_heads=heads),
    )


def _slow_enough(source: Source) -> int:
    """Frequencies that turn at least once within the longest context."""
    text = source.text
    section = text.optional_section("rope_parameters", "rope_scaling")
    own = section.float("rope_theta", default=0.0) if section is not None else 0.0
    base = own or text.float("rope_theta", default=_BASE)
    if base <= 1.0:
        raise BadInputError(f"{text.name}: {text.path}rope_theta must be above 1, got {base}")
    half = source.head_size() // 2
    return sum(base ** (-index / half) > 2.0 * math.pi / source.max_position for index in range(half))
