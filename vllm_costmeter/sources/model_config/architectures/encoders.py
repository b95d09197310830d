"""Encoders for embeddings and reranking (BERT, RoBERTa, XLM-R), and decoders used that way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vllm_costmeter.core.model.parts import Buffer, Embedding, Linear, Output, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantisation.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.architectures.blocks import mlp, norms, row
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
    layer = Layer(
        (
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
        *_classifier(source),
    )


def roberta_head(source: Source) -> tuple[Part, ...]:
    """A dense layer and a projection to the labels."""
    hidden = source.hidden_size
    dense = Tensor("classifier.dense", hidden * (hidden + 1), element_bytes=FLOAT32_BYTES)
    return dense, *_classifier(source)


def _classifier(source: Source) -> tuple[Part, ...]:
    values = num_labels(source) * (source.hidden_size + 1)
    return (Tensor("classifier", values, element_bytes=FLOAT32_BYTES),)


def embedder(build: Callable[[Source], Weights]) -> Callable[[Source], Weights]:
    """A decoder that answers with a hidden state: the same without its output head (vLLM's `as_embedding_model`)."""

    def without_head(source: Source) -> Weights:
        weights = build(source)
        kept = tuple(part for part in weights.last if not isinstance(part, Embedding))
        return replace(weights, last=kept, is_tied=False)

    return without_head


def classifier(build: Callable[[Source], Weights]) -> Callable[[Source], Weights]:
    """A decoder with a float32 score per label instead of its head (vLLM's `as_seq_cls_model`)."""

    def with_score(source: Source) -> Weights:
        weights = embedder(build)(source)
        score = Tensor("score", num_labels(source) * source.hidden_size, element_bytes=FLOAT32_BYTES)
        return replace(weights, last=(*weights.last, score))

    return with_score


def num_labels(source: Source) -> int:
    """`num_labels`, or as many as `id2label` names; transformers' default is 2."""
    names = source.root.raw("id2label")
    counted = len(names) if isinstance(names, dict) and names else 2
    return source.root.int("num_labels", default=counted, minimum=1, maximum=1 << 20)
