"""MiniCPM 3: latent projections, but keys and values of every head are cached (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.attention import FullAttention
from vllm_costmeter.core.model.parts import AttentionScales, Linear
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import gated_mlp, norms, replicated, row
from vllm_costmeter.sources.model_config.families.layers import EDGES, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def minicpm3(source: Source) -> Weights:
    """MiniCPM 3: latent projections, but keys and values of every head are cached."""
    text, hidden, heads = source.text, source.hidden_size, source.num_heads
    q_rank, kv_rank = text.int("q_lora_rank", minimum=1), text.int("kv_lora_rank", minimum=1)
    nope, rope = text.int("qk_nope_head_dim", minimum=1), text.int("qk_rope_head_dim", minimum=1)
    value = text.int("v_head_dim", default=hidden // heads, minimum=1)
    name = "self_attn"
    layer = layer_of(
        replicated(f"{name}.q_a_proj", hidden, q_rank),
        *norms(q_rank, f"{name}.q_a_layernorm"),
        Linear(f"{name}.q_b_proj", q_rank, (Output(heads, nope + rope),), "column"),
        replicated(f"{name}.kv_a_proj_with_mqa", hidden, kv_rank + rope),
        *norms(kv_rank, f"{name}.kv_a_layernorm"),
        Linear(f"{name}.kv_b_proj", kv_rank, (Output(heads, nope + value),), "column"),
        row(f"{name}.o_proj", heads * value, hidden),
        AttentionScales(f"{name}.attn"),
        FullAttention(heads, nope + rope),  # values are stored as wide as keys
        rotary_table(rope, source.max_position, rope_parameters(text)),
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, "input_layernorm", "post_attention_layernorm"),
    )
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied(True), on_every_rank=EDGES)
