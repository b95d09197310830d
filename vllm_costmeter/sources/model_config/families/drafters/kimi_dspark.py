"""Kimi K3's DSpark drafter: dense layers of latent attention that read the target's hidden states through one
projection (vLLM 0.28 to 0.33, models/kimi_k3/nvidia/dspark_mla.py). Embedding and head are the target's."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, gated_mlp, norms, replicated
from vllm_costmeter.sources.model_config.families.drafters.dflash import markov_heads
from vllm_costmeter.sources.model_config.families.layers import layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import latent_attention
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def kimi_dspark(source: Source) -> Weights:
    """It reads `num_target_layers` hidden states of `target_hidden_size`, and projects all layers' latents together."""
    text, hidden = source.text, source.hidden_size
    rope = text.int("qk_rope_head_dim", minimum=1)
    table = rotary_table(rope, source.max_position, rope_parameters(text), element_bytes=FLOAT32_BYTES)
    seen = text.int("target_hidden_size", default=hidden, minimum=1) * text.int(
        "num_target_layers", minimum=1
    )
    layer = layer_of(
        *latent_attention(source, table),
        Buffer("self_attn._one_scale", 1, FLOAT32_BYTES),
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, *TWO_NORMS),
    )
    count = source.num_layers
    width = text.int("kv_lora_rank", minimum=1) + rope
    return Weights(
        layers=(layer,) * count,
        layer_prefix="model.layers.{}.",
        first=(replicated("model.context_proj", seen, hidden),),
        last=(
            *norms(hidden, "model.context_norm", "model.final_norm"),
            replicated("model.context_kv_proj", hidden, *(width,) * count),
            *markov_heads(source),
        ),
    )
