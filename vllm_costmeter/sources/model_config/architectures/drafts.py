"""What drafts for a model: its own prediction layers (MTP), and EAGLE heads of Llama's shape (vLLM 0.32)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vllm_costmeter.core.model.parts import (
    AttentionScales,
    Buffer,
    Embedding,
    Linear,
    Output,
    Part,
)
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.architectures.blocks import (
    QKV,
    column,
    gated_mlp,
    norms,
    replicated,
    row,
)
from vllm_costmeter.sources.model_config.architectures.dense import LLAMA, dense_attention, style_rotary
from vllm_costmeter.sources.model_config.architectures.source import Source

_MOST_PREDICTION_LAYERS = 64  # published models have 1 to 3; more is a corrupt file
_INT64_BYTES = 8
_AUXILIARY_STATES = 3  # hidden states of the target that an EAGLE-3 head reads
_COUNTS = ("num_nextn_predict_layers", "mtp_num_hidden_layers")


def prediction_weights(source: Source, architecture: str, target: Weights) -> Weights | None:
    """The prediction layers of a model that states some; None where it states none, or they are not known. Rotary
    tables are the model's own."""
    build = _PREDICTION.get(architecture)
    count = source.text.optional_int(*_COUNTS, maximum=_MOST_PREDICTION_LAYERS) if build else None
    if build is None or not count or source.text.int("index_topk_freq", default=1) != 1:
        return None
    layer = build(source, target)
    if layer is None:
        return None
    hidden, vocab = source.hidden_size, source.vocab_size
    per_layer = layer.parts
    is_deepseek = build is _deepseek
    head = Embedding("shared_head.head" if is_deepseek else "lm_head", vocab, hidden, quantised=True)
    if is_deepseek:
        layer = replace(layer, parts=(*per_layer, head))
    return Weights(
        layers=(layer,) * count,
        layer_prefix=target.layer_prefix.format(source.num_layers),
        first=(Embedding("model.embed_tokens", vocab, hidden),),
        last=() if is_deepseek else (head,),
        quantisation=target.quantisation,
    )


def _deepseek(source: Source, target: Weights) -> Layer | None:
    """DeepSeek V3 and GLM: another layer like the last, a projection and three norms."""
    last, hidden = target.layers[-1], source.hidden_size
    join = replicated("eh_proj", 2 * hidden, hidden, quantised=False)
    extra = norms(hidden, "enorm", "hnorm", "shared_head.norm")
    return replace(last, parts=(*_without_tables(last.parts), join, *extra))


def _mimo(source: Source, target: Weights) -> Layer | None:
    last, hidden = target.layers[-1], source.hidden_size
    join = replicated("input_proj", 2 * hidden, hidden, quantised=False)
    extra = norms(hidden, "token_layernorm", "hidden_layernorm", "final_layernorm")
    return replace(last, parts=(*_without_tables(last.parts), join, *extra))


def _qwen3_next(source: Source, target: Weights) -> Layer | None:
    """A layer with full attention, a divided projection, three norms."""
    hidden = source.hidden_size
    full = [layer for layer in target.layers if any(isinstance(p, AttentionScales) for p in layer.parts)]
    if not full:
        return None
    join = column("fc", 2 * hidden, hidden)
    extra = norms(hidden, "norm", "pre_fc_norm_hidden", "pre_fc_norm_embedding")
    return replace(full[0], parts=(*_without_tables(full[0].parts), join, *extra))


_PREDICTION: dict[str, Callable[[Source, Weights], Layer | None]] = {
    "DeepseekV32ForCausalLM": _deepseek,
    "DeepseekV3ForCausalLM": _deepseek,
    "Glm4MoeForCausalLM": _deepseek,
    "MiMoForCausalLM": _mimo,
    "Qwen3NextForCausalLM": _qwen3_next,
}


def _without_tables(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(part for part in parts if not (isinstance(part, Buffer) and part.shared))


def eagle(source: Source) -> Weights:
    """EAGLE: a layer or few, whose first has no norm before its attention; the head is the target's."""
    hidden = source.hidden_size
    parts = (
        *dense_attention(source, LLAMA, style_rotary(source, LLAMA)),
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, "post_attention_layernorm"),
    )
    rest = Layer((*parts, *norms(hidden, "input_layernorm")))
    return Weights(
        layers=(Layer(parts), *(rest,) * (source.num_layers - 1)),
        layer_prefix="model.layers.{}.",
        first=(
            Embedding("model.embed_tokens", source.vocab_size, hidden),
            replicated("model.fc", 2 * hidden, hidden),
        ),
        last=(),
    )


def eagle3(source: Source) -> Weights:
    """EAGLE-3: reads three hidden states of the target; a vocabulary and a head of its own."""
    text, hidden = source.text, source.hidden_size
    size = source.head_size()
    wide: Part = Linear(
        "self_attn.qkv_proj",
        2 * hidden,
        (
            Output(source.num_heads, size),
            Output(source.num_kv_heads, size, replicated=True),
            Output(source.num_kv_heads, size, replicated=True),
        ),
        "column",
        text.bool("attention_bias", default=False),
        fused_from=QKV,
    )
    first = (
        wide,
        row("self_attn.o_proj", source.num_heads * size, hidden),
        AttentionScales("self_attn.attn"),
        style_rotary(source, LLAMA),
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, "input_layernorm", "hidden_norm", "post_attention_layernorm"),
    )
    rest = Layer(
        (
            *dense_attention(source, LLAMA, style_rotary(source, LLAMA)),
            *gated_mlp("mlp", hidden, source.intermediate_size),
            *norms(hidden, "input_layernorm", "post_attention_layernorm"),
        )
    )
    vocab = text.int("draft_vocab_size", default=source.vocab_size, minimum=1)
    seen = text.int("target_hidden_size", default=hidden, minimum=1) * _AUXILIARY_STATES
    return Weights(
        layers=(Layer(first), *(rest,) * (source.num_layers - 1)),
        layer_prefix="model.layers.{}.",
        first=(
            Embedding("model.embed_tokens", source.vocab_size, hidden),
            replicated("model.fc", seen, hidden),
            Buffer("draft_id_to_target_id", vocab, _INT64_BYTES),
        ),
        last=(*norms(hidden, "model.norm"), Embedding("lm_head", vocab, hidden, quantised=True)),
    )
