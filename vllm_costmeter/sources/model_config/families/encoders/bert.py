"""Encoders for embeddings and reranking: BERT, RoBERTa, XLM-R (vLLM 0.32)."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.core.model.parts import Buffer, Embedding, Linear, Part, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import mlp, norms, row
from vllm_costmeter.sources.model_config.families.family import Family, Tower
from vllm_costmeter.sources.model_config.families.layers import layer_of
from vllm_costmeter.sources.model_config.families.pooling import label_scores
from vllm_costmeter.sources.model_config.families.source import Source

_BERT_QKV = ("query", "key", "value")

_INT64_BYTES = 8


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


def _family(head: Tower = lambda source: ()) -> Family:
    return Family(lambda source: bert(source, head=head), is_pooling=True, is_pipelined=False)


BERT = _family()
BERT_CLASSIFIER = _family(bert_pooler)
BERT_TAGGER = _family(label_scores)
MASKED_BERT = _family(masked_lm_head)
BGE_M3 = _family(bge_m3_heads)
ROBERTA_CLASSIFIER = _family(roberta_head)
