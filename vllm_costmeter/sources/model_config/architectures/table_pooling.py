"""Models that vLLM serves for pooling only, by their names in its registry: encoders, rerankers, reward models."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.architectures import (
    dense,
    dense_styles,
    encoders,
    gemma,
    mamba,
    older,
    rotary_encoders,
)
from vllm_costmeter.sources.model_config.architectures.architecture import Architecture, Tower, of_style


def _encoder(head: Tower = lambda source: ()) -> Architecture:
    return Architecture(lambda source: encoders.bert(source, head=head), is_pooling=True, is_pipelined=False)


POOLING: dict[str, Architecture] = {
    "BertForMaskedLM": _encoder(encoders.masked_lm_head),
    "BertForSequenceClassification": _encoder(encoders.bert_pooler),
    "BertForTokenClassification": _encoder(encoders.label_scores),
    "BertModel": _encoder(),
    "BertSpladeSparseEmbeddingModel": _encoder(encoders.masked_lm_head),
    "BgeM3EmbeddingModel": _encoder(encoders.bge_m3_heads),
    "Gemma3TextModel": Architecture(encoders.embedder(gemma.gemma3), is_pooling=True, is_pipelined=False),
    "GPT2ForSequenceClassification": Architecture(
        encoders.classifier(older.gpt2), is_pooling=True, is_pipelined=False
    ),
    "GteModel": Architecture(rotary_encoders.gte, is_pooling=True, is_pipelined=False),
    "InternLM2ForRewardModel": Architecture(
        encoders.valued(of_style(dense_styles.STYLES["InternLM2ForCausalLM"])), is_pooling=True
    ),
    "JambaForSequenceClassification": Architecture(encoders.scored(mamba.jamba), is_pooling=True),
    "ModernBertForSequenceClassification": Architecture(
        rotary_encoders.modern_bert_classifier, is_pooling=True, is_pipelined=False
    ),
    "ModernBertForTokenClassification": Architecture(
        rotary_encoders.modern_bert_tagger, is_pooling=True, is_pipelined=False
    ),
    "ModernBertModel": Architecture(rotary_encoders.modern_bert, is_pooling=True, is_pipelined=False),
    "NomicBertModel": Architecture(rotary_encoders.nomic_bert, is_pooling=True, is_pipelined=False),
    "Qwen2ForProcessRewardModel": Architecture(
        encoders.rewarder(of_style(dense.QWEN2), labels=2), is_pooling=True
    ),
    "Qwen2ForRewardModel": Architecture(encoders.rewarder(of_style(dense.QWEN2), labels=1), is_pooling=True),
    "RobertaForMaskedLM": _encoder(),
    "RobertaForSequenceClassification": _encoder(encoders.roberta_head),
    "RobertaForTokenClassification": _encoder(encoders.label_scores),
    "RobertaModel": _encoder(),
    "XLMRobertaForSequenceClassification": _encoder(encoders.roberta_head),
    "XLMRobertaForTokenClassification": _encoder(encoders.label_scores),
    "XLMRobertaModel": _encoder(),
}
