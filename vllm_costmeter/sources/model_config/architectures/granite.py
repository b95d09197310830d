"""Granite 3 MoE and Granite 4: Mamba 2 or attention, then routed experts and a shared MLP."""

from __future__ import annotations

from dataclasses import replace

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.architectures.architecture import Builder
from vllm_costmeter.sources.model_config.architectures.blocks import (
    EDGES,
    attention,
    column,
    experts,
    language_model,
    norms,
    router,
    row,
)
from vllm_costmeter.sources.model_config.architectures.hybrid import mamba2
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_MAMBA = ("mamba", "linear_attention")  # as published, and as transformers 5 writes it


def granite_moe(source: Source) -> Weights:
    """Granite 3.x MoE: attention on every layer; some with a shared MLP beside the experts."""
    layer = Layer((*_attention(source), *_experts(source), *_shared(source), *_norms(source)))
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied(), on_every_rank=EDGES)


def with_sinks(build: Builder) -> Builder:
    """Granite with sliding windows: one sink per head in every layer."""

    def windowed(source: Source) -> Weights:
        bases = source.text.optional_list("layer_rope_theta") or []
        if len(set(map(str, bases))) > 1:
            raise NotUnderstoodError(f"{source.text.name}: Granite with several rotary bases is not known")
        weights = build(source)
        sinks = Tensor("self_attn.sinks", source.num_heads, split=True)
        layer = Layer((*weights.layers[0].parts, sinks))
        return replace(weights, layers=(layer,) * len(weights.layers))

    return windowed


def granite_hybrid(source: Source) -> Weights:
    """Granite 4: `layer_types` names each layer mamba or attention; small ones have no routed experts."""
    text = source.text
    rest = (*_experts(source), *_shared(source), *_norms(source))
    kinds = layer_types(text, source.num_layers)
    built: dict[bool, Layer] = {}
    for kind in kinds:
        if kind in _MAMBA and True not in built:
            heads = text.int("mamba_n_heads", minimum=1)
            mixer = mamba2(
                source,
                "mamba",
                heads=heads,
                head_size=text.int("mamba_expand", minimum=1) * source.hidden_size // heads,
                groups=text.int("mamba_n_groups", default=1, minimum=1),
                state_size=text.int("mamba_d_state", minimum=1),
                kernel=text.int("mamba_d_conv", minimum=1),
                bias=text.bool("mamba_proj_bias", default=False),
                conv_bias=text.bool("mamba_conv_bias", default=True),
            )
            built[True] = Layer((*mixer, *rest))
        elif kind not in _MAMBA and False not in built:
            built[False] = Layer((*_attention(source), *rest))
    layers = [built[kind in _MAMBA] for kind in kinds]
    return language_model(source, layers, tied=source.is_tied(), on_every_rank=EDGES)


def _attention(source: Source) -> tuple[Part, ...]:
    bias = source.text.bool("attention_bias", default=False)
    head_size = source.head_size()
    has_positions = source.text.raw("position_embedding_type") in (None, "rope")
    rotary = rotary_table(head_size, source.max_position, rope_parameters(source.text))
    return attention(
        "self_attn",
        source.hidden_size,
        source.num_heads,
        source.num_kv_heads,
        head_size,
        rotary if has_positions else None,
        bias=bias,
        out_bias=bias,
    )


def _experts(source: Source) -> tuple[Part, ...]:
    count = source.text.int("num_local_experts", default=0)
    if not count:
        return ()
    name = "block_sparse_moe"
    return (
        router(f"{name}.gate", source.hidden_size, count),
        experts(f"{name}.experts", count, source.hidden_size, source.intermediate_size),
    )


def _shared(source: Source) -> tuple[Part, ...]:
    width = source.text.int("shared_intermediate_size", default=0)
    if not width:
        return ()
    hidden = source.hidden_size
    return (
        column("shared_mlp.input_linear", hidden, width, width),
        row("shared_mlp.output_linear", width, hidden),
    )


def _norms(source: Source) -> tuple[Part, ...]:
    return norms(source.hidden_size, "input_layernorm", "post_attention_layernorm")
