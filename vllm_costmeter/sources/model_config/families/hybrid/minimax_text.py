"""MiniMax-Text-01 and M1: lightning attention in most layers, float32 routers, head and rotary table.

Read in vLLM 0.23 (models/minimax_text_01.py), the last release that serves them; held against its own answers.
"""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.attention import LightningState
from vllm_costmeter.core.model.parts import VOCABULARY_PADDING, Embedding, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    W_NAMES,
    attention,
    column,
    experts,
    gated_mlp,
    norms,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def minimax_text(source: Source) -> Weights:
    """One layer per entry of `attn_type_list` (0 lightning, 1 full) or `layer_types`."""
    hidden, vocab = source.hidden_size, source.vocab_size

    def layer(kind: tuple[bool, int, int]) -> Layer:
        is_full, count, shared = kind
        mixer = _full_attention(source) if is_full else _lightning(source)
        return layer_of(*mixer, *_half(source, count, shared), *_norms(hidden))

    kinds = [
        (is_full, _of_layer(source, "num_local_experts", index, 1), _shared_width(source, index))
        for index, is_full in enumerate(_full_layers(source))
    ]
    head_rows = -(-vocab // VOCABULARY_PADDING) * VOCABULARY_PADDING
    return Weights(
        layers=tuple(each_kind(kinds, layer)),
        layer_prefix="model.layers.{}.",
        first=(Embedding("model.embed_tokens", vocab, hidden),),
        last=(
            *norms(hidden, "model.norm"),
            Tensor("lm_head", head_rows, hidden, split=True, element_bytes=FLOAT32_BYTES),
        ),
    )


def _full_layers(source: Source) -> list[bool]:
    kinds = source.text.optional_list("attn_type_list") or source.text.optional_list("layer_types") or []
    if len(kinds) < source.num_layers:
        raise BadInputError(
            f"{source.text.name}: attn_type_list names {len(kinds)} of {source.num_layers} layers"
        )
    unknown = set(map(str, kinds)) - {"0", "1", "linear_attention", "full_attention"}
    if unknown:
        raise NotUnderstoodError(
            f"{source.text.name}: layer type {sorted(unknown)[0][:40]!r} is not known for this architecture"
        )
    return [str(kind) in ("1", "full_attention") for kind in kinds[: source.num_layers]]


def _of_layer(source: Source, key: str, index: int, default: int) -> int:
    """A number that may be given for all layers at once or as a list."""
    stated = source.text.raw(key)
    if not isinstance(stated, list):
        return source.text.int(key, default=default)
    value = stated[index] if index < len(stated) else 0
    if not isinstance(value, int) or not 0 <= value <= 1 << 20:
        raise BadInputError(f"{source.text.name}: {key} must hold whole numbers")
    return value


def _shared_width(source: Source, index: int) -> int:
    return _of_layer(source, "shared_intermediate_size", index, 0)


def _norms(hidden: int) -> tuple[Part, ...]:
    return norms(hidden, "input_layernorm", "post_attention_layernorm")


def _full_attention(source: Source) -> Block:
    size = source.head_size()
    table = rotary_table(
        size,
        source.max_position,
        rope_parameters(source.text),
        rotary_dim=source.text.int("rotary_dim", default=size, minimum=1, maximum=size),
        element_bytes=FLOAT32_BYTES,
        ends_with_context=True,
    )
    return attention(source, "self_attn", table)


def _lightning(source: Source) -> Block:
    hidden, inner = source.hidden_size, source.num_heads * source.head_size()
    return (
        column("self_attn.qkv_proj", hidden, 3 * inner),
        column("self_attn.output_gate", hidden, inner),
        row("self_attn.out_proj", inner, hidden),
        Tensor("self_attn.norm", inner, split=True),
        LightningState(source.num_heads, source.head_size()),
    )


def _half(source: Source, count: int, shared: int) -> tuple[Part, ...]:
    """A dense MLP where there is one expert; a shared one beside them where it has a width."""
    hidden = source.hidden_size
    parts: tuple[Part, ...] = gated_mlp("mlp", hidden, source.intermediate_size)
    if count != 1:
        name = "block_sparse_moe"
        parts = (
            router(f"{name}.gate", hidden, count, float32=True),
            experts(f"{name}.experts", count, hidden, source.intermediate_size, checkpoint_names=W_NAMES),
        )
    if shared:
        coefficient = Tensor("coefficient", hidden, element_bytes=FLOAT32_BYTES)
        parts = (*parts, *gated_mlp("shared_mlp", hidden, shared), coefficient)
    return parts


MINIMAX_TEXT = Family(minimax_text, is_pipelined=False)
