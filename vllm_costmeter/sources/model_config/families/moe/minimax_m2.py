"""MiniMax M2 (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    W_NAMES,
    attention,
    experts,
    norms,
    router,
)
from vllm_costmeter.sources.model_config.families.layers import language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def minimax_m2(source: Source) -> Weights:
    """MiniMax M2: norms over all heads together, a float32 router, rotary on the first `rotary_dim` dimensions."""
    text, hidden = source.text, source.hidden_size
    head_size = source.head_size()
    count = text.int("num_local_experts", minimum=1)
    rotary = rotary_table(
        head_size,
        source.max_position,
        rope_parameters(text),
        rotary_dim=text.optional_int("rotary_dim", minimum=1, maximum=head_size),
    )
    layer = layer_of(
        *attention(
            "self_attn",
            hidden,
            source.num_heads,
            source.num_kv_heads,
            head_size,
            rotary,
            bias=text.bool("attention_bias", default=False),
            qk_norm="all",
        ),
        router("block_sparse_moe.gate", hidden, count, float32=True),
        *_correction_bias(source, "block_sparse_moe", count, flag="use_routing_bias"),
        experts(
            "block_sparse_moe.experts", count, hidden, source.intermediate_size, checkpoint_names=W_NAMES
        ),
        *norms(hidden, *TWO_NORMS),
    )
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied())


def _correction_bias(source: Source, name: str, count: int, flag: str) -> tuple[Part, ...]:
    if not source.text.bool(flag, default=False):
        return ()
    return (Tensor(f"{name}.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES),)
