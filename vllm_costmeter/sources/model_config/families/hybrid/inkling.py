"""Inkling: attention with a projection of distances, short convolutions cached beside it in windows, experts beside
sinks (vLLM 0.26 to 0.33, models/inkling)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import FullAttention, ShortConvWindow, SlidingWindow
from vllm_costmeter.core.model.parts import Buffer, Embedding, Linear, Output, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    W_NAMES,
    experts,
    norms,
    replicated,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.reader import ConfigReader

_GATE_ROWS = 8  # InklingGate pads its rows to a multiple of this


def inkling(source: Source) -> Weights:
    """Windows in the layers of `local_layer_ids`, experts from `dense_mlp_idx` on; a head of its own even if the file
    ties it. Every pipeline rank holds what stands around the layers, and every rank the whole embedding."""
    text, hidden = source.text, source.hidden_size
    local = set(text.optional_list("local_layer_ids") or ())
    first = text.int("dense_mlp_idx", default=0)
    kinds = [(index in local, index >= first) for index in range(source.num_layers)]
    vocab = text.int("padded_vocab_size", default=text.int("vocab_size", minimum=1), minimum=1)
    around: list[Part] = [
        Tensor("model.embed_tokens", vocab * hidden),
        Embedding("lm_head", vocab, hidden, quantized=True),
        *norms(hidden, "model.norm"),
    ]
    if text.bool("use_embed_norm", default=False):
        around += norms(hidden, "model.embed_norm")
    return Weights(
        layers=tuple(each_kind(kinds, lambda kind: _layer(source, *kind))),
        layer_prefix="model.layers.{}.",
        first=(),
        last=(),
        everywhere=tuple(around),
    )


def _layer(source: Source, is_local: bool, routes: bool, *, quantized: bool = True) -> Layer:
    hidden = source.hidden_size
    return layer_of(
        *_attention(source, is_local, quantized),
        *norms(hidden, "attn_norm", "mlp_norm"),
        *(_experts(source) if routes else _dense(source, quantized)),
    )


def _attention(source: Source, is_local: bool, quantized: bool) -> Block:
    text, hidden = source.text, source.hidden_size
    plain = (source.num_heads, source.num_kv_heads, source.head_size())
    heads, kv_heads, size = plain if not is_local else _local_sizes(text, *plain)
    window = text.int("sliding_window_size", minimum=1)
    per_head = text.int("d_rel", minimum=1)
    reach = window if is_local else text.int("rel_extent", minimum=1)
    kernel = text.int("sconv_kernel_size", "conv_kernel_size", default=4, minimum=1)
    if hidden % kv_heads:
        raise BadInputError(f"{text.name}: hidden_size {hidden} is no multiple of {kv_heads} KV heads")
    key = Output(kv_heads, size, replicated=True)
    outputs = (Output(heads, size), key, key, Output(heads, per_head))
    has_bias = text.bool("q_bias", default=False)
    names = ("wq_du", "wk_dv", "wv_dv", "wr_du")
    streams = 2 * size + 2 * (hidden // kv_heads)
    return (
        Linear("attn.qkvr", hidden, outputs, "column", has_bias, quantized, names),
        Linear(
            "attn.wo_ud",
            heads * size,
            (Output(hidden),),
            "row",
            text.bool("o_bias", default=False),
            quantized,
        ),
        Tensor("attn.rel_logits_proj", per_head * reach),
        *norms(size, "attn.q_norm", "attn.k_norm"),
        Buffer("attn.k_scale, attn.v_scale", 2, FLOAT32_BYTES),
        Tensor("attn.k_sconv, attn.v_sconv", kv_heads, 2 * size * kernel, split=True),
        Tensor("attn_sconv, mlp_sconv", hidden, 2 * kernel, split=True),
        SlidingWindow(kv_heads, size, window) if is_local else FullAttention(kv_heads, size),
        ShortConvWindow(kv_heads, 1 << (streams - 1).bit_length(), kernel),
    )


def _local_sizes(text: ConfigReader, heads: int, kv_heads: int, size: int) -> tuple[int, int, int]:
    return (
        text.int("swa_num_attention_heads", default=heads, minimum=1),
        text.int("swa_num_key_value_heads", default=kv_heads, minimum=1),
        text.int("swa_head_dim", default=size, minimum=1),
    )


def _inner(source: Source) -> tuple[int, int]:
    """(width of a dense MLP, of an expert): Thinking Machines' files and transformers' swap the names."""
    text = source.text
    stated = source.intermediate_size
    if text.values.get("dense_intermediate_size") is not None:
        return text.int("dense_intermediate_size", minimum=1), stated
    if text.values.get("moe_intermediate_size") is not None:
        return stated, text.int("moe_intermediate_size", minimum=1)
    return stated, stated


def _dense(source: Source, quantized: bool) -> tuple[Part, ...]:
    hidden, inner = source.hidden_size, _inner(source)[0]
    has_scale = source.text.bool("use_global_scale", default=False)
    return (
        Linear("mlp.gate_up_proj", hidden, (Output(2 * inner),), "column", quantized=quantized),
        Linear("mlp.down_proj", inner, (Output(hidden),), "row", quantized=quantized),
        *((Tensor("mlp.global_scale", 1),) if has_scale else ()),
    )


def _experts(source: Source) -> tuple[Part, ...]:
    """Routed experts, and sinks that every token passes, which are never quantized."""
    text, hidden, inner = source.text, source.hidden_size, _inner(source)[1]
    count, sinks = text.int("n_routed_experts", minimum=1), text.int("n_shared_experts", minimum=1)
    rows = -(-(count + sinks) // _GATE_ROWS) * _GATE_ROWS
    floats = (count if text.bool("use_gate_bias", default=False) else 0) + text.bool(
        "use_global_scale", default=False
    )
    return (
        Tensor("mlp.gate.weight", rows * hidden),
        *((Tensor("mlp.gate.bias, global_scale", floats, element_bytes=FLOAT32_BYTES),) if floats else ()),
        experts("mlp.experts", count, hidden, inner, checkpoint_names=W_NAMES),
        Tensor("mlp.sink_experts", inner, 3 * hidden * sinks, split=True),
    )


def _prediction(source: Source, target: Weights, count: int) -> Weights:
    """Dense layers that are never quantized, of which vLLM builds as many as tokens are drafted; embedding and head are
    the model's."""
    section = source.root.optional_section("mtp_config")
    local = set((section and section.optional_list("local_layer_ids")) or ())
    hidden, has_norm = source.hidden_size, source.text.bool("use_embed_norm", default=False)
    chains = section is not None and section.bool("chain_hidden_post_norm", default=False)
    extra: tuple[Part, ...] = (
        *norms(hidden, "hidden_norm", "embed_norm"),
        replicated("input_proj", 2 * hidden, hidden, quantized=False),
    )

    def layer(is_local: bool) -> Layer:
        block = _layer(source, is_local, False, quantized=False)
        return Layer(parts=(*block.parts, *extra), caches=block.caches)

    return Weights(
        layers=tuple(each_kind([index in local for index in range(count)], layer)),
        layer_prefix="model.layers.{}.",
        first=(),
        last=(
            *(norms(hidden, "model.chain_norm") if chains else ()),
            *(norms(hidden, "model.backbone_embed_norm") if has_norm else ()),
        ),
        quantization=target.quantization,
    )


def _depths(source: Source) -> int | None:
    section = source.root.optional_section("mtp_config")
    return None if section is None else section.optional_int("num_nextn_predict_layers", maximum=64)


INKLING = Family(inkling, prediction=_prediction, stated_depths=_depths, drafts_by_depth=True)
