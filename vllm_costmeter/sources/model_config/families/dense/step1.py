"""Step 1: Llama's layers with ALiBi instead of rotary positions (vLLM 0.32, step1.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, attention, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.layers import language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import model_window


def step1(source: Source) -> Weights:
    """KV heads are `num_attention_groups`, one where the file states neither them nor `num_key_value_heads`."""
    text, hidden = source.text, source.hidden_size
    bias = text.bool("attention_bias", default=False)
    layer = layer_of(
        *attention(
            source,
            "self_attn",
            None,
            kv_heads=text.int("num_attention_groups", "num_key_value_heads", default=1, minimum=1),
            head_size=hidden // source.num_heads,
            bias=bias,
            out_bias=bias,
            window=model_window(source),
        ),
        *gated_mlp("mlp", hidden, source.intermediate_size, text.bool("mlp_bias", default=False)),
        *norms(hidden, *TWO_NORMS),
    )
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied(True))
