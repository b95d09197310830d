"""Gated delta nets with attention in every fourth layer: Qwen3-Next and Qwen3.5 (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import GatedDeltaState
from vllm_costmeter.core.model.parts import AttentionScales, Linear, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import attention, gated_mlp, norms, row
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, language_model, layer_of
from vllm_costmeter.sources.model_config.families.moe.qwen import qwen_experts
from vllm_costmeter.sources.model_config.families.prediction import behind_fc, head_like
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_QWEN_HEAD_SIZE = 256  # head_dim default of transformers' Qwen3NextConfig and Qwen3_5TextConfig

_MARLIN_METHODS = ("awq", "gptq", "auto-round", "auto_round", "inc")

_QWEN_FULL_EVERY = 4  # full_attention_interval default of the same


def qwen_hybrid(source: Source, *, interleaved: bool) -> Weights:
    """Qwen3-Next (`interleaved`: one fused checkpoint tensor) and Qwen3.5: gated delta nets, every fourth layer
    gated attention; dense or with experts."""
    text, hidden = source.text, source.hidden_size
    kinds = _qwen_kinds(source)
    head_size = source.head_size(_QWEN_HEAD_SIZE)
    rotary = rotary_table(
        head_size, source.max_position, rope_parameters(text, default_partial=0.25), positions_factor=1
    )
    full = attention(
        source,
        "self_attn",
        rotary,
        head_size=head_size,
        bias=text.bool("qkv_bias", default=False),
        qk_norm="head",
        output_gate=text.bool("attn_output_gate", default=True),
    )
    has_experts = text.int("num_experts", default=0) > 0
    half = qwen_experts(source) if has_experts else gated_mlp("mlp", hidden, source.intermediate_size)
    rest = (*half, *norms(hidden, "input_layernorm", "post_attention_layernorm"))
    built = {
        "full_attention": layer_of(*full, *rest),
        "linear_attention": layer_of(*delta_net(source, interleaved=interleaved), *rest),
    }
    return language_model(
        source,
        [built[kind] for kind in kinds],
        tied=source.is_tied(),
        on_every_rank=("embedding", "head") if interleaved else ("embedding",),
    )


def _qwen_kinds(source: Source) -> tuple[str, ...]:
    """`layer_types`, or full attention in every n-th layer."""
    text, count = source.text, source.num_layers
    every = text.int("full_attention_interval", default=_QWEN_FULL_EVERY, minimum=1)
    if not text.has("layer_types"):
        return tuple(
            "linear_attention" if (index + 1) % every else "full_attention" for index in range(count)
        )
    kinds = layer_types(text, count)
    unknown = set(kinds) - {"full_attention", "linear_attention"}
    if unknown:
        raise BadInputError(
            f"{text.name}: layer_types holds {sorted(unknown)}; known: full_attention, linear_attention"
        )
    return kinds


def delta_net(source: Source, *, interleaved: bool) -> Block:
    text, hidden = source.text, source.hidden_size
    # defaults of transformers' Qwen3NextConfig and Qwen3_5TextConfig, 5.x
    k_heads = text.int("linear_num_key_heads", default=16, minimum=1)
    v_heads = text.int("linear_num_value_heads", default=32, minimum=1)
    k_size = text.int("linear_key_head_dim", default=128, minimum=1)
    v_size = text.int("linear_value_head_dim", default=128, minimum=1)
    kernel = text.int("linear_conv_kernel_dim", default=4, minimum=1)
    keys, values = Output(k_heads, k_size), Output(v_heads, v_size)
    name = "linear_attn"
    if interleaved:
        total = 2 * k_heads * k_size + 2 * v_heads * v_size
        qkvz: tuple[Output, ...] = (Output(total),)
        gates: tuple[Output, ...] = (Output(2 * v_heads),)
        names: tuple[str, ...] = ()
        gate_names: tuple[str, ...] = ()
    else:
        qkvz, gates = (keys, keys, values, values), (Output(v_heads), Output(v_heads))
        names, gate_names = ("in_proj_qkv", "in_proj_z"), ("in_proj_b", "in_proj_a")
    return (
        Linear(f"{name}.in_proj_qkvz", hidden, qkvz, "column", fused_from=names),
        Linear(
            f"{name}.in_proj_ba",
            hidden,
            gates,
            "none" if not interleaved and _is_for_marlin(source) else "column",
            fused_from=gate_names,
        ),
        row(f"{name}.out_proj", v_heads * v_size, hidden),
        Linear(f"{name}.conv1d", kernel, (keys, keys, values), "column", quantized=False),
        Tensor(f"{name}.dt_bias", v_heads, split=True),
        Tensor(f"{name}.A_log", v_heads, split=True, element_bytes=FLOAT32_BYTES),
        *norms(v_size, f"{name}.norm"),
        GatedDeltaState(
            k_heads, v_heads, k_size, v_size, kernel, state_dtype=text.optional_str("mamba_ssm_dtype")
        ),
    )


def _is_for_marlin(source: Source) -> bool:
    """Checkpoints whose kernel wants more gates than a share has: vLLM then leaves them whole on every rank
    (`maybe_disable_tp`, 0.22 to 0.32)."""
    section = source.root.optional_section("quantization_config")
    return section is not None and section.raw("quant_method") in _MARLIN_METHODS


def prediction(source: Source, target: Weights, count: int) -> Weights | None:
    """Qwen3-Next and Qwen3.5: layers with full attention, whatever the model's own last one has."""
    full = [layer for layer in target.layers if any(isinstance(p, AttentionScales) for p in layer.parts)]
    if not full:
        return None
    is_plain = target.quantization.method == "modelopt_fp4"  # mtp.fc is left alone, whatever the lists say
    return behind_fc(source, target, [full[0]] * count, head_like(target), quantized=not is_plain)


def qwen3_5(source: Source) -> Weights:
    return qwen_hybrid(source, interleaved=False)


def qwen3_next(source: Source) -> Weights:
    return qwen_hybrid(source, interleaved=True)


QWEN3_5 = Family(qwen3_5, prediction=prediction)
QWEN3_NEXT = Family(qwen3_next, prediction=prediction)
