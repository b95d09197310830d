"""Falcon-H1: attention and Mamba 2 side by side in every layer (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.hybrid.mixers import mamba2
from vllm_costmeter.sources.model_config.families.layers import language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table


def falcon_h1(source: Source) -> Weights:
    """Falcon-H1: attention and Mamba 2 side by side in every layer."""
    text, hidden = source.text, source.hidden_size
    heads = text.int("mamba_n_heads", default=128, minimum=1)
    inner = text.optional_int("mamba_d_ssm", minimum=1) or text.int("mamba_expand", default=2) * hidden
    groups = text.int("mamba_n_groups", default=1, minimum=1)
    state = text.int("mamba_d_state", default=256, minimum=1)
    mixer = mamba2(
        source,
        "mamba.mamba",
        heads=heads,
        head_size=inner // heads,
        groups=groups,
        state_size=state,
        kernel=text.int("mamba_d_conv", default=4, minimum=1),
        bias=text.bool("mamba_proj_bias", default=False),
        conv_bias=text.bool("mamba_conv_bias", default=True),
        has_norm=text.bool("mamba_rms_norm", default=False),
    )
    size = source.head_size()
    bias = text.bool("attention_bias", default=False)
    layer = layer_of(
        *attention(
            "self_attn",
            hidden,
            source.num_heads,
            source.num_kv_heads,
            size,
            rotary_table(size, source.max_position, rope_parameters(text)),
            bias=bias,
            out_bias=bias,
        ),
        *mixer,
        *_multipliers(heads, inner // heads, groups, state),
        *gated_mlp("feed_forward", hidden, source.intermediate_size, text.bool("mlp_bias", default=False)),
        *norms(hidden, "input_layernorm", "pre_ff_layernorm"),
    )
    return language_model(source, [layer] * source.num_layers, tied=source.is_tied())


def _multipliers(heads: int, head_size: int, groups: int, state: int) -> tuple[Part, ...]:
    """One factor per output of the mixer's first projection (`mup_vector`), divided with them."""
    gates = 2 * heads * head_size + heads
    return (
        Tensor("mamba.mup_vector", gates, split=True),
        Tensor("mamba.mup_vector.bc", 2 * groups, state, split=True),
    )
