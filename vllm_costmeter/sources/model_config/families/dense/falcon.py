"""Falcon: one key head, or a few in its newer architecture (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, mlp, norms
from vllm_costmeter.sources.model_config.families.dense.gpt import inner_size, whole
from vllm_costmeter.sources.model_config.families.layers import layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def falcon(source: Source) -> Weights:
    """Falcon: one key head, or a few in its newer architecture; one or two norms before both halves."""
    text, hidden = source.text, source.hidden_size
    is_new = text.bool("new_decoder_architecture", default=False)
    bias = text.bool("bias", default=False)
    kv_heads = source.num_heads
    if is_new:
        kv_heads = source.num_kv_heads
    elif text.bool("multi_query", default=True):
        kv_heads = 1
    size = source.head_size()
    has_tables = not text.bool("alibi", default=False)
    positions = text.int("max_position_embeddings", default=2048, minimum=1)
    table = rotary_table(size, positions, rope_parameters(text))
    if is_new and text.int("num_ln_in_parallel_attn", default=2) == 2:
        names: tuple[str, ...] = ("ln_attn", "ln_mlp")
    elif is_new or text.bool("parallel_attn", default=True):
        names = ("input_layernorm",)
    else:
        names = ("input_layernorm", "post_attention_layernorm")
    layer = layer_of(
        *attention(
            "self_attention",
            hidden,
            source.num_heads,
            kv_heads,
            size,
            table if has_tables else None,
            bias=bias,
            out_bias=bias,
            out_name="dense",
            fused_from=(),
        ),
        *mlp(
            "mlp",
            hidden,
            inner_size(source, "ffn_hidden_size"),
            bias=bias,
            names=("dense_h_to_4h", "dense_4h_to_h"),
        ),
        *norms(hidden, *names, bias=True),
    )
    return whole(source, layer, "transformer.h.{}.", "transformer.word_embeddings", tied=True)
