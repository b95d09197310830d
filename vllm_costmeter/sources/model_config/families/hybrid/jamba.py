"""Jamba: Mamba 1, attention in one layer of a period, experts in every other (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, experts, gated_mlp, norms, router
from vllm_costmeter.sources.model_config.families.hybrid.mixers import mamba1, time_step_rank
from vllm_costmeter.sources.model_config.families.layers import EDGES, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source


def jamba(source: Source) -> Weights:
    """Jamba: attention without positions in one layer of a period, experts in every other."""
    text, hidden = source.text, source.hidden_size
    period = text.int("attn_layer_period", default=8, minimum=1)
    offset = text.int("attn_layer_offset", default=4)
    every = text.int("expert_layer_period", default=2, minimum=1)
    first = text.int("expert_layer_offset", default=1)
    count = text.int("num_experts", default=16, minimum=1)
    state = text.int("mamba_d_state", default=16, minimum=1)
    rank = time_step_rank(source, "mamba_dt_rank")
    mixer = (
        *mamba1(
            source,
            "mamba",
            inner=text.int("mamba_expand", default=2, minimum=1) * hidden,
            state=state,
            kernel=text.int("mamba_d_conv", default=4, minimum=1),
            rank=rank,
            bias=text.bool("mamba_proj_bias", default=False),
            conv_bias=text.bool("mamba_conv_bias", default=True),
        ),
        *norms(rank, "mamba.dt_layernorm"),
        *norms(state, "mamba.b_layernorm", "mamba.c_layernorm"),
    )
    full = attention("self_attn", hidden, source.num_heads, source.num_kv_heads, source.head_size(), None)
    routed = (
        router("feed_forward.router", hidden, count),
        experts("feed_forward.experts", count, hidden, source.intermediate_size),
    )
    dense = gated_mlp("feed_forward", hidden, source.intermediate_size)

    def layer(kind: tuple[bool, bool]) -> Layer:
        attends, routes = kind
        halves = (*(full if attends else mixer), *(routed if routes else dense))
        return layer_of(*halves, *norms(hidden, "input_layernorm", "pre_ff_layernorm"))

    kinds = [
        (index % period == offset, count > 1 and index % every == first) for index in range(source.num_layers)
    ]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied(), on_every_rank=EDGES)
