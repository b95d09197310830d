"""Gemma 3n: alternating updates, a learned residual, inputs per layer; the last layers read an earlier one's cache."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Embedding, Part, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    attention,
    column,
    gated_mlp,
    norms,
    replicated,
    row,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import (
    EDGES,
    Block,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import interleaved
from vllm_costmeter.sources.model_config.layer_types import width_of_layer
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_FULL_EVERY = 5  # layer_types of transformers' Gemma3nTextConfig, 5.x

_HEAD_SIZE = 256  # head_dim of the same

_WINDOW = 512  # sliding_window of the same

_NORMS = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
    "post_per_layer_input_norm",
)


def gemma3n(source: Source) -> Weights:
    """vLLM does not cut it into pipeline ranks."""
    text, count = source.text, source.num_layers
    windows = interleaved(_FULL_EVERY, _WINDOW)(source)
    shared_from = count - text.int("num_kv_shared_layers", default=0, maximum=count)
    kinds = [
        (window, width_of_layer(text, "intermediate_size", index), index >= shared_from)
        for index, window in enumerate(windows)
    ]
    layers = each_kind(kinds, lambda kind: layer_of(*_pieces(source, *kind)))
    return language_model(
        source,
        layers,
        tied=source.is_tied(True),
        embedding="model.self_decoder.embed_tokens",
        extra_everywhere=_inputs(source),
        on_every_rank=EDGES,
    )


def _pieces(source: Source, window: int | None, width: int, shares_cache: bool) -> Block:
    text, hidden, heads = source.text, source.hidden_size, source.num_heads
    size = source.head_size(_HEAD_SIZE)
    bias = text.bool("attention_bias", default=False)
    parameters = rope_parameters(text, "full_attention" if window is None else "sliding_attention")
    if window is not None:  # its base frequency is another key, rope_local_base_freq
        parameters = replace(parameters, identity=f"{parameters.identity} local")
    rotary = rotary_table(size, source.max_position, parameters)
    mixer: Block = (
        column("self_attn.q_proj", hidden, heads * size, bias=bias),
        row("self_attn.o_proj", heads * size, hidden, bias),
        *norms(size, "self_attn.q_norm"),
        rotary,
        AttentionScales("self_attn.attn"),
    )
    if not shares_cache:
        mixer = attention(
            source,
            "self_attn",
            rotary,
            head_size=size,
            bias=bias,
            out_bias=bias,
            qk_norm="head",
            window=window,
        )
    inputs, rank = text.int("altup_num_inputs", default=4, minimum=1), text.int("laurel_rank", default=64)
    per_layer = text.int("hidden_size_per_layer_input", default=256, minimum=1)
    return (
        *mixer,
        *gated_mlp("mlp", hidden, width),
        replicated("altup.correction_coefs", inputs, inputs),
        replicated("altup.prediction_coefs", inputs, inputs**2),
        replicated("altup.modality_router", hidden, inputs),
        *norms(hidden, "altup.router_norm"),
        Buffer("altup.router_input_scale", 1),
        Tensor("altup.correct_output_scale", hidden, element_bytes=FLOAT32_BYTES),
        column("laurel.linear_left", hidden, rank),
        row("laurel.linear_right", rank, hidden),
        *norms(hidden, "laurel.post_laurel_norm"),
        replicated("per_layer_input_gate", hidden, per_layer),
        replicated("per_layer_projection", per_layer, hidden),
        *norms(hidden, *_NORMS),
    )


def _inputs(source: Source) -> tuple[Part, ...]:
    """The second embedding, with an entry per layer, and the projections of the parallel streams."""
    text, hidden = source.text, source.hidden_size
    per_layer = text.int("hidden_size_per_layer_input", default=256, minimum=1)
    total = per_layer * source.num_layers
    vocab = text.int("vocab_size_per_layer_input", default=source.vocab_size, minimum=1)
    streams = range(text.int("altup_num_inputs", default=4, minimum=1, maximum=64) - 1)
    name = source.prefix + "model."
    return (
        Embedding(f"{name}self_decoder.per_layer_embed_tokens", vocab, total),
        column(f"{name}self_decoder.per_layer_model_projection", hidden, total),
        *norms(per_layer, f"{name}self_decoder.per_layer_projection_norm"),
        *(column(f"{name}self_decoder.altup_projections.{index}", hidden, hidden) for index in streams),
        *(column(f"{name}altup_unembed_projections.{index}", hidden, hidden) for index in streams),
        Buffer("scales", 4),
    )


GEMMA3N = Family(gemma3n, is_pipelined=False)
