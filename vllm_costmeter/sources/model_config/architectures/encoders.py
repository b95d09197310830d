"""Encoders for embeddings and reranking (BERT, RoBERTa, XLM-R), and decoders used that way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vllm_costmeter.core.model.parts import Buffer, Embedding, Linear, Output, Part, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.architectures.architecture import Builder
from vllm_costmeter.sources.model_config.architectures.blocks import mlp, norms, row
from vllm_costmeter.sources.model_config.architectures.layers import layer_of
from vllm_costmeter.sources.model_config.architectures.source import Source

_INT64_BYTES = 8
_BERT_QKV = ("query", "key", "value")


def bert(source: Source, *, head: Callable[[Source], tuple[Part, ...]] = lambda source: ()) -> Weights:
    """Word, position and type embeddings, then attention and an MLP, each followed by a norm. vLLM does not cut it
    into pipeline ranks."""
    text, hidden = source.text, source.hidden_size
    positions = text.int("max_position_embeddings", default=512, minimum=1)
    heads = source.num_heads
    size = source.head_size()
    attention = "attention.self"
    layer = layer_of(
        Linear(
            f"{attention}.qkv_proj",
            hidden,
            (Output(heads, size),) * 3,
            "column",
            bias=True,
            fused_from=_BERT_QKV,
        ),
        row("attention.output.dense", heads * size, hidden, bias=True),
        *norms(hidden, "attention.output.LayerNorm", "output.LayerNorm", bias=True),
        *mlp("mlp", hidden, source.intermediate_size, bias=True),
        Tensor(f"{attention}.attn scales", 4, element_bytes=FLOAT32_BYTES),
    )
    return Weights(
        layers=(layer,) * source.num_layers,
        layer_prefix="model.encoder.layer.{}.",
        first=(
            Embedding("model.embeddings.word_embeddings", source.vocab_size, hidden),
            Embedding("model.embeddings.position_embeddings", positions, hidden),
            Embedding(
                "model.embeddings.token_type_embeddings", text.int("type_vocab_size", default=2), hidden
            ),
            *norms(hidden, "model.embeddings.LayerNorm", bias=True),
            Buffer("model.embeddings.position_ids", positions, _INT64_BYTES),
        ),
        last=head(source),
    )


def bert_pooler(source: Source) -> tuple[Part, ...]:
    """BERT's own pooler and a classifier, in float32 as vLLM keeps the heads of pooling models."""
    hidden = source.hidden_size
    return (
        Tensor("pooler.dense", hidden * (hidden + 1), element_bytes=FLOAT32_BYTES),
        *label_scores(source),
    )


def roberta_head(source: Source) -> tuple[Part, ...]:
    """A dense layer and a projection to the labels."""
    hidden = source.hidden_size
    dense = Tensor("classifier.dense", hidden * (hidden + 1), element_bytes=FLOAT32_BYTES)
    return dense, *label_scores(source)


def label_scores(source: Source) -> tuple[Part, ...]:
    """A classifier: one float32 row with a bias per label."""
    values = num_labels(source) * (source.hidden_size + 1)
    return (Tensor("classifier", values, element_bytes=FLOAT32_BYTES),)


def masked_lm_head(source: Source) -> tuple[Part, ...]:
    """BERT's head of masked words, in the served dtype: its decoder is a copy of the embedding."""
    hidden, vocab = source.hidden_size, source.vocab_size
    return (
        Tensor("mlm_head.dense", hidden * (hidden + 1)),
        *norms(hidden, "mlm_head.layer_norm", bias=True),
        Tensor("mlm_head.decoder", vocab * (hidden + 1)),
    )


def bge_m3_heads(source: Source) -> tuple[Part, ...]:
    """BGE-M3's sparse and ColBERT projections, with biases."""
    hidden = source.hidden_size
    return (Tensor("poolers", hidden + 1, hidden + 1, element_bytes=FLOAT32_BYTES),)


def embedder(build: Builder) -> Builder:
    """A decoder that answers with a hidden state: the same without its output head (vLLM's `as_embedding_model`)."""

    def without_head(source: Source) -> Weights:
        weights = build(source)
        last, everywhere = _without_head(weights.last), _without_head(weights.everywhere)
        return replace(weights, last=last, everywhere=everywhere, is_tied=False)

    return without_head


def _without_head(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Output heads are the only vocabulary tables that a scheme may quantize."""
    return tuple(part for part in parts if not (isinstance(part, Embedding) and part.quantized))


def scored(build: Builder) -> Builder:
    """A decoder with a float32 score per label beside what it has, on every pipeline rank."""

    def with_score(source: Source) -> Weights:
        weights = build(source)
        score = Tensor("score", num_labels(source) * source.hidden_size, element_bytes=FLOAT32_BYTES)
        return replace(weights, everywhere=(*weights.everywhere, score))

    return with_score


def classifier(build: Builder) -> Builder:
    """A decoder with a score per label instead of its head (vLLM's `as_seq_cls_model`)."""
    return scored(embedder(build))


def rewarder(build: Builder, labels: int) -> Builder:
    """Qwen 2.5 Math's reward models: two float32 layers with biases instead of the head, on every pipeline rank."""

    def with_reward(source: Source) -> Weights:
        weights, hidden = embedder(build)(source), source.hidden_size
        layers = (
            Tensor("score.0", hidden, hidden + 1, split=True, element_bytes=FLOAT32_BYTES),
            Tensor("score.2.weight", hidden, labels, split=True, element_bytes=FLOAT32_BYTES),
            Tensor("score.2.bias", labels, element_bytes=FLOAT32_BYTES),
        )
        return replace(weights, everywhere=(*weights.everywhere, *layers))

    return with_reward


def valued(build: Builder) -> Builder:
    """InternLM 2's reward model: one float32 value per token instead of the head, on every pipeline rank."""

    def with_value(source: Source) -> Weights:
        weights = embedder(build)(source)
        value = Tensor("v_head", source.hidden_size, split=True, element_bytes=FLOAT32_BYTES)
        return replace(weights, everywhere=(*weights.everywhere, value))

    return with_value


def num_labels(source: Source) -> int:
    """`num_labels`, or as many as `id2label` names; transformers' default is 2."""
    names = source.root.raw("id2label")
    counted = len(names) if isinstance(names, dict) and names else 2
    return source.root.int("num_labels", default=counted, minimum=1, maximum=1 << 20)
