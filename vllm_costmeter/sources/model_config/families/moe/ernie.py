"""ERNIE 4.5 with experts (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.dense.style import (
    LLAMA,
    Style,
    dense_attention,
    style_attention,
    style_rotary,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import layer_of
from vllm_costmeter.sources.model_config.families.moe.routed import routed, two_kinds
from vllm_costmeter.sources.model_config.families.prediction import head_like, joined, numbered
from vllm_costmeter.sources.model_config.families.source import Source


def ernie_moe(source: Source) -> Weights:
    """ERNIE 4.5: experts on every n-th layer of a range."""
    text = source.text
    start = text.int("moe_layer_start_index", default=0)
    end = text.int("moe_layer_end_index", default=source.num_layers - 1)
    every = text.int("moe_layer_interval", default=1, minimum=1)
    style = Style(bias_key="use_bias", out_bias=False)
    half = routed(source, "moe_num_experts", "moe_num_shared_experts", float32=True, correction="gate")
    return two_kinds(
        source,
        style_attention(source, style),
        half,
        lambda index: (index + 1) % every == 0 and start <= index <= end,
        tied=True,
    )


def _ernie(source: Source, target: Weights, count: int) -> Weights:
    """ERNIE 4.5: a dense layer of Llama's shape, which rotates in another order than the model and so has a table of
    its own."""
    hidden = source.hidden_size
    table = style_rotary(source, LLAMA)
    layer = layer_of(
        *dense_attention(source, LLAMA, replace(table, name=table.name + ",neox")),
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, *TWO_NORMS),
        *joined(source, "mtp_linear_proj", "mtp_emb_norm", "mtp_hidden_norm"),
    )
    return numbered(source, target, [layer] * count, last=head_like(target))


ERNIE_MOE = Family(ernie_moe, prediction=_ernie)
