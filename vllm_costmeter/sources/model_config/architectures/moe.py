"""Decoders with routed experts and ordinary attention: Qwen, MiniMax M2, gpt-oss (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.architectures.blocks import (
    attention,
    experts,
    gated_mlp,
    norms,
    replicated,
    router,
)
from vllm_costmeter.sources.model_config.architectures.dense import (
    QWEN3_MOE,
    Style,
    style_attention,
)
from vllm_costmeter.sources.model_config.architectures.layers import (
    EDGES,
    Block,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_TWO_NORMS = ("input_layernorm", "post_attention_layernorm")
_GPT_OSS_WINDOW = 128  # sliding_window default of transformers' GptOssConfig (5.x)
_W = ("w1", "w3", "w2")


def qwen_moe(source: Source, style: Style = QWEN3_MOE) -> Weights:
    """Qwen2-MoE, Qwen3-MoE and Qwen3-VL-MoE: a dense MLP on the layers that the config names or skips."""
    text, hidden = source.text, source.hidden_size
    sparse_step = text.int("decoder_sparse_step", default=1, minimum=1)
    dense_only = _int_set(source, "mlp_only_layers")

    def layer(kind: tuple[int | None, bool]) -> Layer:
        window, routes = kind
        half = (
            qwen_experts(source, quantized_router=style.qk_norm == "head")
            if routes
            else gated_mlp("mlp", hidden, source.intermediate_size)
        )
        return layer_of(*style_attention(source, style, window), *norms(hidden, *_TWO_NORMS), *half)

    kinds = [
        (window, index not in dense_only and (index + 1) % sparse_step == 0)
        for index, window in enumerate(style.windows(source))
    ]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied(), on_every_rank=EDGES)


def qwen_experts(source: Source, *, quantized_router: bool = False) -> tuple[Part, ...]:
    """Router, routed experts and, where the config has one, the gated shared expert. Qwen 3 alone quantizes its router
    where the checkpoint's rules do not leave it out."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_experts", minimum=1)
    parts: list[Part] = [
        replicated("mlp.gate", hidden, count, quantized=quantized_router),
        experts("mlp.experts", count, hidden, text.int("moe_intermediate_size", minimum=1)),
    ]
    shared = text.int("shared_expert_intermediate_size", default=0)
    if shared:
        parts += gated_mlp("mlp.shared_expert", hidden, shared)
        parts.append(replicated("mlp.shared_expert_gate", hidden, 1, quantized=False))
    return tuple(parts)


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
        experts("block_sparse_moe.experts", count, hidden, source.intermediate_size, checkpoint_names=_W),
        *norms(hidden, *_TWO_NORMS),
    )
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied())


def gpt_oss(source: Source) -> Weights:
    """gpt-oss: biases everywhere, one sink per head, float32 rotary tables, windows in the even layers."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_local_experts", "num_experts", minimum=1)
    head_size = source.head_size()
    rotary = rotary_table(head_size, source.max_position, rope_parameters(text), element_bytes=FLOAT32_BYTES)
    window = text.int("sliding_window", default=_GPT_OSS_WINDOW, minimum=1)
    rest: Block = (
        Tensor("attn.sinks", source.num_heads, split=True),
        replicated("mlp.router", hidden, count, bias=True, quantized=False),
        experts("mlp.experts", count, hidden, source.intermediate_size, bias=True),
        *norms(hidden, *_TWO_NORMS),
    )

    def layer(is_full: bool) -> Layer:
        attends = attention(
            "attn",
            hidden,
            source.num_heads,
            source.num_kv_heads,
            head_size,
            rotary,
            bias=True,
            out_bias=True,
            window=None if is_full else window,
        )
        return layer_of(*attends, *rest)

    return language_model(
        source,
        each_kind((index % 2 == 1 for index in range(source.num_layers)), layer),
        tied=source.is_tied(),
        embedding="model.embedding",
        on_every_rank=EDGES,
    )


def _correction_bias(source: Source, name: str, count: int, flag: str) -> tuple[Part, ...]:
    if not source.text.bool(flag, default=False):
        return ()
    return (Tensor(f"{name}.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES),)


def _int_set(source: Source, key: str) -> set[int]:
    return {index for index in source.text.optional_list(key) or [] if isinstance(index, int)}
