"""Gemma 4: wider global heads, experts beside the MLP, inputs per layer, shared keys and values."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Embedding, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import (
    column,
    experts,
    gated_mlp,
    norms,
    replicated,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.dense.gemma import (
    FOUR_NORMS,
    HEAD_SIZE,
    NORMALIZER,
    gemma_attention,
    kind_of,
)
from vllm_costmeter.sources.model_config.families.layers import (
    EDGES,
    Piece,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import interleaved
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

GLOBAL_HEAD_SIZE = 512  # global_head_dim of transformers' Gemma4TextConfig (5.x)

GEMMA4_WINDOW = 512  # sliding_window of the same


def gemma4(source: Source) -> Weights:
    """Gemma 4: global layers have larger, fewer heads; experts beside the dense MLP (26B-A4B); per-layer inputs
    and layers that read an earlier layer's keys and values (E2B, E4B)."""
    text = source.text
    shared_from = source.num_layers - text.int("num_kv_shared_layers", default=0, maximum=source.num_layers)
    windows = interleaved(6, GEMMA4_WINDOW)(source)
    windows = (*windows[:-1], None)  # transformers' Gemma4TextConfig makes the last layer global
    kinds = [(window, index >= shared_from > 0) for index, window in enumerate(windows)]
    layers = each_kind(kinds, lambda kind: _gemma4_layer(source, *kind))
    first, everywhere = _per_layer_inputs(source)
    return language_model(
        source,
        layers,
        tied=source.is_tied(True),
        extra_first=first,
        extra_everywhere=(NORMALIZER, *everywhere),
        on_every_rank=EDGES,
    )


def _gemma4_layer(source: Source, window: int | None, shares_kv: bool) -> Layer:
    text, hidden = source.text, source.hidden_size
    head_size, kv_heads = source.head_size(HEAD_SIZE), source.num_kv_heads
    if window is None:
        head_size = text.int("global_head_dim", default=GLOBAL_HEAD_SIZE, minimum=1)
        # vLLM 0.32: only checkpoints whose global keys are their values have a head count of their own there
        if text.bool("attention_k_eq_v", default=False):
            kv_heads = text.int("num_global_key_value_heads", default=kv_heads, minimum=1)
    parameters = rope_parameters(text, kind_of(window))
    width = head_size if parameters.rope_type == "proportional" else None
    rotary = rotary_table(head_size, source.max_position, parameters, rotary_dim=width)
    wide = 2 if shares_kv and text.bool("use_double_wide_mlp", default=False) else 1
    parts: list[Piece] = []
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
        parts += gemma_attention(source, kv_heads, head_size, rotary, window, qk_norm=True)
    parts += gated_mlp("mlp", hidden, source.intermediate_size * wide)
    parts += norms(hidden, *FOUR_NORMS)
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
    return layer_of(*parts)


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
