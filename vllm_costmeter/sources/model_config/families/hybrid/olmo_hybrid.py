"""OLMo Hybrid: gated delta nets with attention in every fourth layer (vLLM 0.18 to 0.33, olmo_hybrid.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.attention import GatedDeltaState
from vllm_costmeter.core.model.parts import Buffer, Linear, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, column, gated_mlp, norms, row
from vllm_costmeter.sources.model_config.families.layers import (
    EDGES,
    Block,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "g_proj")


def olmo_hybrid(source: Source) -> Weights:
    """One layer per entry of `layer_types`; every kind that is no delta net attends to all tokens."""
    hidden = source.hidden_size
    mlp = gated_mlp("mlp", hidden, source.intermediate_size)

    def layer(is_linear: bool) -> Layer:
        mixer = _delta_net(source) if is_linear else _attention(source)
        return layer_of(*mixer, *mlp)

    kinds = [kind == "linear_attention" for kind in _kinds(source)]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied(), on_every_rank=EDGES)


def _kinds(source: Source) -> tuple[str, ...]:
    kinds = layer_types(source.text, source.num_layers)
    if "full_attention" not in kinds and not source.text.has("layer_types"):
        return (*kinds[:-1], "full_attention")  # the class gives a short model one
    unknown = set(kinds) - {"full_attention", "linear_attention"}
    if unknown:
        raise NotUnderstoodError(
            f"{source.text.name}: layer type {sorted(unknown)[0][:40]!r} is not known for this architecture"
        )
    return kinds


def _attention(source: Source) -> Block:
    """Norms over all heads together, and after both halves of the layer."""
    return (
        *attention(
            source,
            "self_attn",
            _rotary(source),
            head_size=source.hidden_size // source.num_heads,
            qk_norm="whole",
        ),
        *norms(source.hidden_size, "post_attention_layernorm", "post_feedforward_layernorm"),
    )


def _rotary(source: Source) -> Buffer | None:
    """None for a model without positions: its `rope_theta` is there and null."""
    section = source.text.optional_section("rope_parameters")
    if section is not None and section.values.get("rope_theta", 0) is None:
        return None
    size = source.hidden_size // source.num_heads
    return rotary_table(size, source.max_position, rope_parameters(source.text))


def _delta_net(source: Source) -> Block:
    text, hidden, name = source.text, source.hidden_size, "linear_attn"
    k_heads = text.int("linear_num_key_heads", minimum=1)
    v_heads = text.int("linear_num_value_heads", minimum=1)
    # default of transformers' OlmoHybridConfig
    k_size = text.int("linear_key_head_dim", default=int(0.75 * hidden / k_heads), minimum=1)
    v_size = text.int("linear_value_head_dim", default=2 * k_size, minimum=1)
    kernel = text.int("linear_conv_kernel_dim", minimum=1)
    keys, values = Output(k_heads, k_size), Output(v_heads, v_size)
    return (
        Linear(
            f"{name}.in_proj_qkvg", hidden, (keys, keys, values, values), "column", fused_from=_PROJECTIONS
        ),
        column(f"{name}.b_proj", hidden, v_heads),
        column(f"{name}.a_proj", hidden, v_heads),
        Linear(f"{name}.conv1d", kernel, (keys, keys, values), "column", quantized=False),
        Tensor(f"{name}.dt_bias", v_heads, split=True),
        Tensor(f"{name}.A_log", v_heads, split=True),
        *norms(v_size, f"{name}.o_norm"),
        row(f"{name}.o_proj", v_heads * v_size, hidden),
        *norms(hidden, "input_layernorm", "post_attention_layernorm"),
        GatedDeltaState(k_heads, v_heads, k_size, v_size, kernel, is_checkpointed=False),
    )
