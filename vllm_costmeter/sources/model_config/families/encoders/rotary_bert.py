"""BERT with rotary positions: Nomic Embed and GTE (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Embedding, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, gated_mlp, mlp, norms
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
            "attn",
            hidden,
            heads,
            heads,
            size,
            rotary_table(size, source.max_position, rope_parameters(text)),
            bias=attention_bias,
            out_bias=attention_bias,
            cached=False,
            out_name="out_proj",
            fused_from=(),
        ),
        *half,
        *norms(hidden, "attn_ln", "mlp_ln", bias=True),
    )
    types = text.int("type_vocab_size", default=0)
    kinds = (Embedding("embeddings.token_type_embeddings", types, hidden),) if types else ()
    return Weights(
        layers=(layer,) * source.num_layers,
        layer_prefix="encoder.layers.{}.",
        first=(
            Embedding("embeddings.word_embeddings", source.vocab_size, hidden),
            *kinds,
            *norms(hidden, "embeddings.LayerNorm", bias=True),
        ),
        last=(),
    )


def gte(source: Source) -> Weights:
    """GTE (Snowflake Arctic Embed M 2): rotary positions, biases everywhere but in the MLP's fused half."""
    text, hidden, heads = source.text, source.hidden_size, source.num_heads
    size = source.head_size()
    layer = layer_of(
        *attention(
            "attn",
            hidden,
            heads,
            heads,
            size,
            rotary_table(size, source.max_position, rope_parameters(text)),
            bias=True,
            out_bias=True,
            cached=False,
            out_name="out_proj",
        ),
        *gated_mlp("mlp", hidden, source.intermediate_size),
        Tensor("mlp.down_proj.bias", hidden),
        *norms(hidden, "attn_ln", "mlp_ln", bias=True),
    )
    types = text.int("type_vocab_size", default=2)
    kinds = (Embedding("embeddings.token_type_embeddings", types, hidden),) if types else ()
    return Weights(
        layers=(layer,) * source.num_layers,
        layer_prefix="encoder.layers.{}.",
        first=(
            Embedding("embeddings.word_embeddings", source.vocab_size, hidden),
            *kinds,
            *norms(hidden, "embeddings.LayerNorm", bias=True),
        ),
        last=(),
    )


NOMIC_BERT = Family(nomic_bert, is_pooling=True, is_pipelined=False)
GTE = Family(gte, is_pooling=True, is_pipelined=False)
