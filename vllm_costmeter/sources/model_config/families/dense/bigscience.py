"""The decoders of BigScience and BigCode: BLOOM and StarCoder (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, mlp, norms, replicated
from vllm_costmeter.sources.model_config.families.dense.gpt import MLP_FACTOR, inner_size, many_heads, whole
from vllm_costmeter.sources.model_config.families.layers import language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source


def bloom(source: Source) -> Weights:
    """BLOOM: a norm after the embedding, biases everywhere, positions by slopes that are no tensor."""
    hidden = source.hidden_size
    layer = layer_of(
        *many_heads(source, "self_attention", out="dense", bias=True),
        *mlp("mlp", hidden, MLP_FACTOR * hidden, bias=True, names=("dense_h_to_4h", "dense_4h_to_h")),
        *norms(hidden, "input_layernorm", "post_attention_layernorm", bias=True),
    )
    first = norms(hidden, "transformer.word_embeddings_layernorm", bias=True)
    prefix = "transformer.h.{}."
    return whole(source, layer, prefix, "transformer.word_embeddings", tied=True, extra=first)


def gpt_bigcode(source: Source) -> Weights:
    """StarCoder: one key head, learned positions; run by transformers' code, which divides attention alone and
    keeps its mask as a table of booleans."""
    hidden, positions = source.hidden_size, source.max_position
    kv_heads = 1 if source.text.bool("multi_query", default=True) else source.num_heads
    inner = inner_size(source, "n_inner")
    layer = layer_of(
        *attention(
            "attn",
            hidden,
            source.num_heads,
            kv_heads,
            source.head_size(),
            None,
            bias=True,
            out_bias=True,
            out_name="c_proj",
            fused_from=(),
        ),
        replicated("mlp.c_fc", hidden, inner, bias=True),
        replicated("mlp.c_proj", inner, hidden, bias=True),
        *norms(hidden, "ln_1", "ln_2", bias=True),
    )
    return language_model(
        source,
        [layer] * source.num_layers,
        tied=source.is_tied(True),
        embedding="model.wte",
        layer_prefix="model.h.{}.",
        final_norm=norms(hidden, "model.ln_f", bias=True),
        extra_everywhere=(Tensor("model.wpe", positions, hidden), Buffer("model.bias", positions**2, 1)),
        on_every_rank=("embedding",),
    )
