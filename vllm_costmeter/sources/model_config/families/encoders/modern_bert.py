"""ModernBERT, for embeddings, reranking and tagging (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import Embedding, Linear, Part, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, norms, row
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import layer_of
from vllm_costmeter.sources.model_config.families.pooling import label_scores, num_labels
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def modern_bert(source: Source) -> Weights:
    """Global and local layers rotate with tables of their own; the first layer has no norm before its attention."""
    text, hidden = source.text, source.hidden_size
    every = text.int("global_attn_every_n_layers", default=3, minimum=1)
    layers = [_modern_layer(source, index == 0, index % every == 0) for index in range(source.num_layers)]
    bias = text.bool("norm_bias", default=False)
    return Weights(
        layers=tuple(layers),
        layer_prefix="model.encoder_layer.layers.{}.",
        first=(
            Embedding("model.embeddings.tok_embeddings", source.vocab_size, hidden),
            *norms(hidden, "model.embeddings.norm", bias=bias),
        ),
        last=norms(hidden, "model.final_norm", bias=bias),
    )


def modern_bert_classifier(source: Source) -> Weights:
    """With a float32 head: a dense layer, a norm and a score per label."""
    weights, hidden = modern_bert(source), source.hidden_size
    text = source.text
    dense = hidden * (hidden + text.bool("classifier_bias", default=False))
    norm = hidden * (1 + text.bool("norm_bias", default=False))
    values = dense + norm + num_labels(source) * (hidden + 1)
    head = Tensor("pooling and classifier", values, element_bytes=FLOAT32_BYTES)
    return replace(weights, last=(*weights.last, head))


def modern_bert_tagger(source: Source) -> Weights:
    """A dense layer and a norm in the served dtype, a float32 score per label."""
    weights, hidden = modern_bert(source), source.hidden_size
    text = source.text
    dense = hidden * (hidden + text.bool("classifier_bias", default=False))
    norm = norms(hidden, "head.norm", bias=text.bool("norm_bias", default=False))
    head = (Tensor("head.dense", dense), *norm, *label_scores(source))
    return replace(weights, last=(*weights.last, *head))


def _modern_layer(source: Source, is_first: bool, is_global: bool) -> Layer:
    text, hidden, heads = source.text, source.hidden_size, source.num_heads
    size = source.head_size()
    bias = text.bool("attention_bias", default=False)
    mlp_bias = text.bool("mlp_bias", default=False)
    norm_bias = text.bool("norm_bias", default=False)
    parameters = rope_parameters(text, "full_attention" if is_global else "sliding_attention")
    kind = "global" if is_global else "local"
    table = rotary_table(size, source.max_position, replace(parameters, identity=parameters.identity + kind))
    inner = source.intermediate_size
    parts: tuple[Part, ...] = (
        Linear("attn.Wqkv", hidden, (Output(heads, size),) * 3, "column", bias),
        row("attn.Wo", heads * size, hidden, bias),
        column("mlp.Wi", hidden, inner, inner, bias=mlp_bias),
        row("mlp.Wo", inner, hidden, mlp_bias),
        *norms(hidden, "mlp_norm", *(() if is_first else ("attn_norm",)), bias=norm_bias),
        Tensor("attn scales", 4, element_bytes=FLOAT32_BYTES),
        table,
    )
    return layer_of(*parts)


MODERN_BERT = Family(modern_bert, is_pooling=True, is_pipelined=False)
MODERN_BERT_CLASSIFIER = Family(modern_bert_classifier, is_pooling=True, is_pipelined=False)
MODERN_BERT_TAGGER = Family(modern_bert_tagger, is_pooling=True, is_pipelined=False)
