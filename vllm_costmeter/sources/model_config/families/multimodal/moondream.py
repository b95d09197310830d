"""Moondream 3: Phi's shape, experts in all but the first layers, and attention scaled by learnt functions of position
(vLLM 0.32, moondream3.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import attention, norms, router
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import (
    EDGES,
    Block,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table
from vllm_costmeter.sources.model_config.towers.moondream import moondream3 as tower
from vllm_costmeter.sources.model_config.towers.parts import two_layers

_ROTATED = 32  # dimensions of a head, whatever the file says
_NAMES = (("model.text.", "language_model."), ("text.", "language_model."), ("model.", ""))


def _moondream3(source: Source) -> Weights:
    if source.root.raw("model_type") != "moondream3":
        raise NotUnderstoodError(f"{source.root.name}: only Moondream 3 of this architecture is known")
    dense = source.text.int("moe_start_layer")
    layers = each_kind(
        [index >= dense for index in range(source.num_layers)],
        lambda routed: layer_of(*_mixer(source), *(_experts(source) if routed else _mlp(source))),
    )
    return language_model(
        source,
        layers,
        tied=False,
        embedding="wte",
        layer_prefix="blocks.{}.",
        head_bias=True,
        final_norm=norms(source.hidden_size, "post_ln", bias=True),
        on_every_rank=EDGES,
    )


def _mixer(source: Source) -> Block:
    """Attention, two learnt scales per head that read queries, keys and values, and the layer's one norm."""
    hidden, heads = source.hidden_size, source.num_heads
    parameters = replace(rope_parameters(source.text), rope_type="default")
    rotary = rotary_table(source.head_size(), source.max_position, parameters, rotary_dim=_ROTATED)
    return (
        *attention(source, "attn", rotary, bias=True, out_bias=True, out_name="out_proj"),
        Tensor("attn.tau_alpha", heads, split=True),
        Tensor("attn.tau_wq", heads, 3 * hidden, split=True),
        Tensor("attn.tau_wv", heads, 3 * hidden, split=True),
        *norms(hidden, "ln", bias=True),
    )


def _mlp(source: Source) -> tuple[Part, ...]:
    return two_layers("mlp", source.hidden_size, source.intermediate_size, "fc1", "fc2")


def _experts(source: Source) -> tuple[Part, ...]:
    """Whole experts on each rank, never quantized; the bias that makes their gate `g + 1` is built with them."""
    text, hidden = source.text, source.hidden_size
    count, inner = text.int("num_experts", minimum=1), text.int("moe_intermediate_size", minimum=1)
    return (
        router("mlp.gate", hidden, count, bias=True),
        Tensor("mlp.fc1_weight", count, 2 * inner * hidden, split=True),
        Tensor("mlp.fc2_weight", count, hidden * inner, split=True),
        Tensor("mlp._fused_w1_bias", count, 2 * inner, split=True, element_bytes=FLOAT32_BYTES),
        Buffer("mlp._expert_map", count, FLOAT32_BYTES),
    )


MOONDREAM3 = Family(_moondream3, tower, _NAMES)
