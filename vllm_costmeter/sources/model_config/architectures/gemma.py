"""Gemma 1 to 4: tied embeddings, four norms, and one set of rotary parameters per kind of attention."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Embedding, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.architectures.blocks import (
    EDGES,
    attention,
    column,
    experts,
    gated_mlp,
    language_model,
    norms,
    replicated,
    router,
    row,
)
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rope_parameters, rotary_table

_FOUR_NORMS = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
)
_HEAD_SIZE = 256  # head_dim default of transformers' GemmaConfig, Gemma2Config, Gemma3TextConfig (5.x)
_NORMALIZER = Buffer("model.normalizer", 1)


def gemma(source: Source) -> Weights:
    """Gemma 1 and 2: Gemma 2 has norms before and after both halves of a layer."""
    head_size = source.head_size(_HEAD_SIZE)
    rotary = rotary_table(head_size, source.max_position, rope_parameters(source.text))
    is_second = source.text.optional_str("model_type") == "gemma2"
    layer = Layer(
        (
            *_attention(source, source.num_kv_heads, head_size, rotary, qk_norm=False),
            *gated_mlp("mlp", source.hidden_size, source.intermediate_size),
            *norms(source.hidden_size, *(_FOUR_NORMS if is_second else _FOUR_NORMS[:2])),
        )
    )
    return language_model(
        source,
        [layer] * source.num_layers,
        tied=source.is_tied(True),
        extra_everywhere=(_NORMALIZER,),
        on_every_rank=EDGES,
    )


def gemma3(source: Source) -> Weights:
    """Gemma 3: five sliding layers per global one; only the global ones stretch their rotary positions."""
    text = source.text
    head_size = source.head_size(_HEAD_SIZE)
    kinds = layer_types(text, source.num_layers, default_pattern=6)
    layers: dict[str, Layer] = {}
    for kind in sorted(set(kinds)):
        parameters = rope_parameters(text, kind)
        if kind == "sliding_attention" and not _has_nested_rope(text):
            parameters = _unscaled(parameters, f"local {text.raw('rope_local_base_freq')}")
        rotary = rotary_table(head_size, source.max_position, parameters)
        layers[kind] = Layer(
            (
                *_attention(source, source.num_kv_heads, head_size, rotary, qk_norm=True),
                *gated_mlp("mlp", source.hidden_size, source.intermediate_size),
                *norms(source.hidden_size, *_FOUR_NORMS),
            )
        )
    return language_model(
        source,
        [layers[kind] for kind in kinds],
        tied=source.is_tied(True),
        extra_everywhere=(_NORMALIZER,),
        on_every_rank=EDGES,
    )


def gemma4(source: Source) -> Weights:
    """Gemma 4: global layers have larger, fewer heads; experts beside the dense MLP (26B-A4B); per-layer inputs
    and layers that read an earlier layer's keys and values (E2B, E4B)."""
    text = source.text
    kinds = layer_types(text, source.num_layers, default_pattern=6)
    shared_from = source.num_layers - text.int("num_kv_shared_layers", default=0, maximum=source.num_layers)
    built: dict[tuple[str, bool], Layer] = {}
    layers: list[Layer] = []
    for index, kind in enumerate(kinds):
        key = (kind, index >= shared_from > 0)
        if key not in built:
            built[key] = _gemma4_layer(source, kind, shares_kv=key[1])
        layers.append(built[key])
    first, everywhere = _per_layer_inputs(source)
    return language_model(
        source,
        layers,
        tied=source.is_tied(True),
        extra_first=first,
        extra_everywhere=(_NORMALIZER, *everywhere),
        on_every_rank=EDGES,
    )


def _gemma4_layer(source: Source, kind: str, *, shares_kv: bool) -> Layer:
    text, hidden = source.text, source.hidden_size
    is_global = kind == "full_attention"
    head_size, kv_heads = source.head_size(_HEAD_SIZE), source.num_kv_heads
    if is_global:
        head_size = text.int("global_head_dim", default=head_size, minimum=1)
        # vLLM 0.32: only checkpoints whose global keys are their values have a head count of their own there
        if text.bool("attention_k_eq_v", default=False):
            kv_heads = text.int("num_global_key_value_heads", default=kv_heads, minimum=1)
    parameters = rope_parameters(text, kind)
    width = head_size if parameters.rope_type == "proportional" else None
    rotary = rotary_table(head_size, source.max_position, parameters, rotary_dim=width)
    wide = 2 if shares_kv and text.bool("use_double_wide_mlp", default=False) else 1
    parts: list[Part] = []
    if shares_kv:
        heads = source.num_heads
        parts += [
            column("self_attn.q_proj", hidden, heads * head_size),
            row("self_attn.o_proj", heads * head_size, hidden),
            *norms(head_size, "self_attn.q_norm"),
            rotary,
            AttentionScales("self_attn.attn"),
        ]
    else:
        parts += _attention(source, kv_heads, head_size, rotary, qk_norm=True)
    parts += gated_mlp("mlp", hidden, source.intermediate_size * wide)
    parts += norms(hidden, *_FOUR_NORMS)
    parts.append(Buffer("layer_scalar", 1))
    count = text.optional_int("num_experts", minimum=1)
    if count is not None:
        inner = text.int("moe_intermediate_size", "expert_intermediate_size", minimum=1)
        parts += [
            experts("experts", count, hidden, inner),
            router("router.proj", hidden, count),
            *norms(hidden, "router.scale", "post_feedforward_layernorm_1"),
            *norms(hidden, "post_feedforward_layernorm_2", "pre_feedforward_layernorm_2"),
            Tensor("router.per_expert_scale", count),
            Buffer("router.root_size", 1),
        ]
    per_layer = text.int("hidden_size_per_layer_input", default=0)
    if per_layer:
        parts += [
            replicated("per_layer_input_gate", hidden, per_layer),
            replicated("per_layer_projection", per_layer, hidden),
            *norms(hidden, "post_per_layer_input_norm"),
        ]
    return Layer(tuple(parts))


def _per_layer_inputs(source: Source) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Gemma 4 E2B/E4B: a second embedding with an entry per layer, on the first rank, and its projection."""
    per_layer = source.text.int("hidden_size_per_layer_input", default=0)
    if not per_layer:
        return (), ()
    total = per_layer * source.num_layers
    vocab = source.text.int("vocab_size_per_layer_input", default=source.vocab_size, minimum=1)
    return (
        (
            Embedding(source.prefix + "model.embed_tokens_per_layer", vocab, total),
            column(source.prefix + "model.per_layer_model_projection", source.hidden_size, total),
            *norms(per_layer, "model.per_layer_projection_norm"),
        ),
        (Buffer("embed_scales", 3),),
    )


def _attention(
    source: Source, kv_heads: int, head_size: int, rotary: Buffer, *, qk_norm: bool
) -> tuple[Part, ...]:
    bias = source.text.bool("attention_bias", default=False)
    return attention(
        "self_attn",
        source.hidden_size,
        source.num_heads,
        kv_heads,
        head_size,
        rotary,
        bias=bias,
        out_bias=bias,
        qk_norm="head" if qk_norm else "none",
    )


def _has_nested_rope(text: ConfigReader) -> bool:
    section = text.optional_section("rope_parameters")
    return section is not None and section.has("sliding_attention")


def _unscaled(parameters: RopeParameters, identity: str) -> RopeParameters:
    return RopeParameters("default", None, None, parameters.partial_rotary_factor, False, identity)
