"""BERT with rotary positions: Nomic Embed, GTE and Jina (vLLM 0.32, bert_with_rope.py)."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import Embedding, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, gated_mlp, mlp, norms, router
from vllm_costmeter.sources.model_config.families.encoders.bert import bert, bert_pooler
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import each_kind, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def nomic_bert(source: Source) -> Weights:
    """Nomic Embed 1, 1.5 and 2: rotary positions, gated MLPs, norms after each half; experts in some layers of 2."""
    text, hidden, heads = source.text, source.hidden_size, source.num_heads
    size = source.head_size()
    inner = text.int("n_inner", "intermediate_size", minimum=1)
    bias = text.bool("mlp_fc1_bias", default=False)
    is_gated = text.raw("activation_function", "hidden_act") in ("swiglu", "silu", "geglu")
    half = gated_mlp("mlp", hidden, inner, bias) if is_gated else mlp("mlp", hidden, inner, bias=bias)
    attention_bias = text.bool("qkv_proj_bias", default=False)
    attends = attention(
        source,
        "attn",
        rotary_table(size, source.max_position, rope_parameters(text)),
        kv_heads=heads,
        bias=attention_bias,
        out_bias=attention_bias,
        cached=False,
        out_name="out_proj",
        fused_from=(),
    )
    every = text.int("moe_every_n_layers", default=0)

    def layer(routes: bool) -> Layer:
        chosen = _nomic_experts(source, inner) if routes else half
        return layer_of(*attends, *chosen, *norms(hidden, "attn_ln", "mlp_ln", bias=True))

    routed = (every > 0 and index % every == 1 for index in range(source.num_layers))
    return _encoder(source, each_kind(routed, layer), types=0)


def _nomic_experts(source: Source, inner: int) -> tuple[Part, ...]:
    """Two matrices per expert, which vLLM keeps apart from its own experts and does not quantize, and one bias."""
    hidden, count = source.hidden_size, source.text.int("num_experts", minimum=1)
    return (
        router("mlp.router", hidden, count),
        Tensor("mlp.w1, mlp.w2", inner, 2 * count * hidden, split=True),
        Tensor("mlp.bias", hidden),
    )


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
    return _encoder(source, [layer] * source.num_layers, types=2)


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
    return _encoder(source, [layer] * source.num_layers, types=1)


def _encoder(source: Source, layers: Sequence[Layer], *, types: int) -> Weights:
    """`types`: kinds of tokens where the file states none."""
    types = source.text.int("type_vocab_size", default=types)
    kinds = (Embedding("embeddings.token_type_embeddings", types, source.hidden_size),) if types else ()
    return Weights(
        layers=tuple(layers),
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
