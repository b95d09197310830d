"""Muse Spark's DSpark drafter: its own layers, dense (vLLM 0.33, models/muse_spark/common/dspark.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Embedding, Linear, Part, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.core.whole_number import whole_number
from vllm_costmeter.sources.model_config.families.blocks import (
    gated_mlp,
    head_cache,
    norms,
    replicated,
    row,
)
from vllm_costmeter.sources.model_config.families.drafters.dflash import markov_heads
from vllm_costmeter.sources.model_config.families.layers import Block, Converted, each_kind, layer_of
from vllm_costmeter.sources.model_config.families.source import Source

_HEAD_SIZE, _POSITIONS = 128, 4096 * 32  # defaults of vLLM's MuseSpark1xTextConfig
_INT64_BYTES = 8


def muse_spark_dspark(source: Source) -> Weights:
    """NotUnderstoodError for one with experts, which vLLM does not build."""
    text, hidden = source.text, source.hidden_size
    experts = text.optional_section("moe")
    if experts is None or experts.bool("is_enabled", default=True):
        raise NotUnderstoodError(
            f"{text.name}: a Muse Spark drafter with experts (moe.is_enabled) is not known"
        )
    vocab = text.int("draft_vocab_size", default=source.vocab_size, minimum=1)
    seen = text.int("target_hidden_size", minimum=1) * len(text.optional_list("target_layer_ids") or ())
    affine = text.bool("norm_affine", default=True)
    return Weights(
        layers=tuple(each_kind(_windows(source), lambda window: _layer(source, window))),
        layer_prefix="model.layers.{}.",
        first=(
            Embedding("model.embed_tokens", source.vocab_size, hidden),
            Buffer("model.mask_embedding", hidden),
            replicated("model.fc", seen, hidden),
            Buffer("draft_id_to_target_id", vocab, _INT64_BYTES),
        ),
        last=(
            *(norms(hidden, "model.hidden_norm", "model.norm") if affine else ()),
            Embedding("lm_head", vocab, hidden, quantized=True),
            *markov_heads(source),
        ),
    )


def _windows(source: Source) -> tuple[int | None, ...]:
    """`global_attn_cfg`: "all", or one window for each layer of a cycle, counted back from the last; 0: none."""
    text, count = source.text, source.num_layers
    stated = text.raw("global_attn_cfg")
    if isinstance(stated, str) and stated.startswith("["):
        stated = [whole_number(word.strip()) or 0 for word in stated.strip("[]").split(",")]
    if not isinstance(stated, list) or not stated:
        return (None,) * count
    cycle = text.optional_int("every_n_layers_nope", minimum=1)
    offset = cycle - count % cycle if cycle is not None else 0
    windows = [value if isinstance(value, int) and value > 0 else None for value in stated]
    return tuple(windows[(index + offset) % len(windows)] for index in range(count))


def _layer(source: Source, window: int | None) -> Layer:
    text, hidden = source.text, source.hidden_size
    inner = int(text.float("ffn_dim_multiplier", default=1.0) * hidden)
    names: list[str] = []
    if text.bool("norm_affine", default=True):
        names += ["self_attn.pre_qkv_proj_norm", "pre_ffn_norm"]
    after = text.bool("post_norm_affine", default=True)
    if after:
        names.append("post_attn_norm")
    if after or text.bool("use_ffn_learnable_scales", default=False):
        names.append("post_ffn_norm")
    gates: tuple[Part, ...] = ()
    if text.bool("use_residual_gate", default=False):
        gates = (Tensor("add_attn.gate", hidden), Tensor("add_ffn.gate", hidden))
    return layer_of(
        *_attention(source, window), *gated_mlp("feed_forward", hidden, inner), *norms(hidden, *names), *gates
    )


def _attention(source: Source, window: int | None) -> Block:
    """A rotary table of each layer's own, and a copy of the projection of keys and values for hidden states."""
    text, name, size = source.text, "self_attn", source.head_size(_HEAD_SIZE)
    has_gate = text.bool("use_attn_o_gate", default=False)
    heads = Output(source.num_heads, size)
    keys = Output(source.num_kv_heads, size, replicated=not has_gate)
    positions = text.int("max_position_embeddings", default=_POSITIONS, minimum=1)
    in_float32 = text.bool("rope_use_fp32_in_outer_product", default=True)
    table = Buffer(f"{name}.rotary_emb", positions * size, FLOAT32_BYTES if in_float32 else None)
    rotates = text.raw("draft_position_mode") in (None, "rope") and text.bool("use_rope", default=True)
    outputs = (heads, keys, keys, *((heads,) if has_gate else ()))
    return (
        Linear(f"{name}.qkv_proj", source.hidden_size, outputs, "column"),
        row(f"{name}.o_proj", source.num_heads * size, source.hidden_size),
        AttentionScales(f"{name}.attn"),
        head_cache(source.num_kv_heads, size, window=window),
        *((table,) if rotates else ()),
        Converted(
            Tensor(
                "stacked_kv_weight",
                source.num_kv_heads,
                2 * size * source.hidden_size,
                split=True,
                replicated=True,
            )
        ),
    )
