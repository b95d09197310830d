"""BERT with rotary positions: Nomic Embed, GTE and Jina (vLLM 0.32, bert_with_rope.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Embedding, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, gated_mlp, mlp, norms
from vllm_costmeter.sources.model_config.families.encoders.bert import bert, bert_pooler
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def nomic_bert(source: Source) -> Weights:
    """Nomic Embed 1 and 1.5: rotary positions, gated MLPs, norms after each half."""
    text, hidden, heads = source.text, source.hidden_size, source.num_heads
    size = source.head_size()
    if text.int("num_experts", default=0) > 1:
        raise NotUnderstoodError(f"{text.name}: Nomic BERT with experts is not known")
    inner = text.int("n_inner", "intermediate_size", minimum=1)
    bias = text.bool("mlp_fc1_bias", default=False)
    is_gated = text.raw("activation_function", "hidden_act") in ("swiglu", "silu", "geglu")
    half = gated_mlp("mlp", hidden, inner, bias) if is_gated else mlp("mlp", hidden, inner, bias=bias)
    attention_bias = text.bool("qkv_proj_bias", default=False)
    layer = layer_of(
        *attention(
            source,
            "attn",
            rotary_table(size, source.max_position, rope_parameters(text)),
            kv_heads=heads,
            bias=attention_bias,
            out_bias=attention_bias,
            cached=False,
            out_name="out_proj",
            fused_from=(),
        ),
        *half,
        *norms(hidden, "attn_ln", "mlp_ln", bias=True),
    )
    return _encoder(source, layer, types=0)


def gte(source: Source) -> Weights:
    """GTE (Snowflake Arctic Embed M 2): rotary positions, biases everywhere but in the MLP's fused half."""
    text, hidden, heads = source.text, source.hidden_size, source.num_heads
    size = source.head_size()
    layer = layer_of(
        *attention(
            source,
            "attn",
            rotary_table(size, source.max_position, rope_parameters(text)),
            kv_heads=heads,
            bias=True,
            out_bias=True,
            cached=False,
            out_name="out_proj",
        ),
        *gated_mlp("mlp", hidden, source.intermediate_size),
        Tensor("mlp.down_proj.bias", hidden),
        *norms(hidden, "attn_ln", "mlp_ln", bias=True),
    )
    return _encoder(source, layer, types=2)


def gte_reranker(source: Source) -> Weights:
    """GTE with BERT's pooler and a score per label."""
    return replace(gte(source), last=bert_pooler(source))


def roberta(source: Source) -> Weights:
    """RoBERTa, or Jina's encoder where the file says that positions are not a table (vLLM's RobertaEmbeddingModel)."""
    kind = source.text.optional_str("position_embedding_type") or "absolute"
    return bert(source) if kind == "absolute" else jina_roberta(source)


def jina_roberta(source: Source) -> Weights:
    """Jina's XLM-RoBERTa: biases everywhere; the table's positions are rounded up to eights."""
    text, hidden, size = source.text, source.hidden_size, source.head_size()
    parameters = rope_parameters(text)
    width = text.int("rotary_emb_dim", default=size, minimum=1)
    table = rotary_table(size, -(-source.max_position // 8) * 8, parameters, rotary_dim=width)
    layer = layer_of(
        *attention(
            source,
            "attn",
            table,
            kv_heads=source.num_heads,
            bias=True,
            out_bias=True,
            cached=False,
            out_name="out_proj",
            fused_from=(),
        ),
        *mlp("mlp", hidden, source.intermediate_size, bias=True),
        *norms(hidden, "attn_ln", "mlp_ln", bias=True),
    )
    return _encoder(source, layer, types=1)


def _encoder(source: Source, layer: Layer, *, types: int) -> Weights:
    """`types`: kinds of tokens where the file states none."""
    types = source.text.int("type_vocab_size", default=types)
    kinds = (Embedding("embeddings.token_type_embeddings", types, source.hidden_size),) if types else ()
    return Weights(
        layers=(layer,) * source.num_layers,
        layer_prefix="encoder.layers.{}.",
        first=(
            Embedding("embeddings.word_embeddings", source.vocab_size, source.hidden_size),
            *kinds,
            *norms(source.hidden_size, "embeddings.LayerNorm", bias=True),
        ),
        last=(),
    )


NOMIC_BERT = Family(nomic_bert, is_pooling=True, is_pipelined=False)
GTE = Family(gte, is_pooling=True, is_pipelined=False)
ROBERTA = Family(roberta, is_pooling=True, is_pipelined=False)
GTE_RERANKER = Family(gte_reranker, is_pooling=True, is_pipelined=False)
