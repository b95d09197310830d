"""Decoders that mix attention with recurrent layers: Qwen3-Next, Qwen3.5, Nemotron-H."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import Linear, Output, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.architectures.blocks import (
    EDGES,
    attention,
    experts,
    gated_mlp,
    language_model,
    mlp,
    norms,
    replicated,
    router,
    row,
)
from vllm_costmeter.sources.model_config.architectures.moe import qwen_experts
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_QWEN_HEAD_SIZE = 256  # head_dim default of transformers' Qwen3NextConfig and Qwen3_5TextConfig
_MARLIN_METHODS = ("awq", "gptq", "auto-round", "auto_round", "inc")
_QWEN_FULL_EVERY = 4  # full_attention_interval default of the same


def qwen_hybrid(source: Source, *, interleaved: bool) -> Weights:
    """Qwen3-Next (`interleaved`: one fused checkpoint tensor) and Qwen3.5: gated delta nets, every fourth layer
    gated attention; dense or with experts."""
    text, hidden = source.text, source.hidden_size
    every = text.int("full_attention_interval", default=_QWEN_FULL_EVERY, minimum=1)
    if text.has("layer_types"):
        kinds = layer_types(text, source.num_layers)
    else:
        kinds = tuple(
            "full_attention" if (index + 1) % every == 0 else "linear_attention"
            for index in range(source.num_layers)
        )
    head_size = source.head_size(_QWEN_HEAD_SIZE)
    rotary = rotary_table(
        head_size, source.max_position, rope_parameters(text, default_partial=0.25), positions_factor=1
    )
    full = attention(
        "self_attn",
        hidden,
        source.num_heads,
        source.num_kv_heads,
        head_size,
        rotary,
        bias=text.bool("qkv_bias", default=False),
        qk_norm="head",
        output_gate=text.bool("attn_output_gate", default=True),
    )
    has_experts = text.int("num_experts", default=0) > 0
    half = qwen_experts(source) if has_experts else gated_mlp("mlp", hidden, source.intermediate_size)
    rest = (*half, *norms(hidden, "input_layernorm", "post_attention_layernorm"))
    built = {
        "full_attention": Layer((*full, *rest)),
        "linear_attention": Layer((*_delta_net(source, interleaved=interleaved), *rest)),
    }
    unknown = set(kinds) - set(built)
    if unknown:
        raise BadInputError(f"{text.name}: layer_types holds {sorted(unknown)}; known: {sorted(built)}")
    return language_model(
        source,
        [built[kind] for kind in kinds],
        tied=source.is_tied(),
        on_every_rank=("embedding", "head") if interleaved else ("embedding",),
    )


def _delta_net(source: Source, *, interleaved: bool) -> tuple[Part, ...]:
    text, hidden = source.text, source.hidden_size
    k_heads = text.int("linear_num_key_heads", minimum=1)
    v_heads = text.int("linear_num_value_heads", minimum=1)
    k_size = text.int("linear_key_head_dim", minimum=1)
    v_size = text.int("linear_value_head_dim", minimum=1)
    kernel = text.int("linear_conv_kernel_dim", minimum=1)
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
    )


def _is_for_marlin(source: Source) -> bool:
    """Checkpoints whose kernel wants more gates than a share has: vLLM then leaves them whole on every rank
    (`maybe_disable_tp`, 0.22 to 0.32)."""
    section = source.root.optional_section("quantization_config")
    return section is not None and section.raw("quant_method") in _MARLIN_METHODS


def nemotron_h(source: Source) -> Weights:
    """Nemotron-H and Nemotron 3: one mixer per layer, chosen by a pattern of M (Mamba 2), * (attention),
    - (MLP) and E (experts, in Super and Ultra behind a narrower latent)."""
    pattern = _pattern(source)
    built = {kind: nemotron_layer(source, kind) for kind in sorted(set(pattern))}
    return language_model(
        source, [built[kind] for kind in pattern], tied=source.is_tied(), on_every_rank=EDGES
    )


def nemotron_layer(source: Source, kind: str) -> Layer:
    """One mixer behind a norm; BadInputError for a letter that no mixer has."""
    makers = {"M": _mamba2, "*": _nemotron_attention, "-": _nemotron_mlp, "E": _nemotron_experts}
    if kind not in makers:
        raise BadInputError(f"{source.text.name}: hybrid_override_pattern holds {kind!r}; known: M, *, -, E")
    return Layer((*makers[kind](source), *norms(source.hidden_size, "norm")))


def _pattern(source: Source) -> str:
    text = source.text
    pattern = text.optional_str("hybrid_override_pattern")
    if pattern is None:
        names = {"mamba": "M", "attention": "*", "mlp": "-", "moe": "E"}
        kinds = text.optional_list("layers_block_type") or []
        pattern = "".join(names.get(kind, "?") for kind in kinds if isinstance(kind, str))
    if len(pattern) != source.num_layers:
        raise BadInputError(
            f"{text.name}: hybrid_override_pattern names {len(pattern)} layers, num_hidden_layers says "
            f"{source.num_layers}"
        )
    return pattern


def _mamba2(source: Source) -> tuple[Part, ...]:
    text = source.text
    return mamba2(
        source,
        "mixer",
        heads=text.int("mamba_num_heads", minimum=1),
        head_size=text.int("mamba_head_dim", minimum=1),
        groups=text.int("n_groups", minimum=1),
        state_size=text.int("ssm_state_size", minimum=1),
        kernel=text.int("conv_kernel", minimum=1),
        bias=text.bool("use_bias", default=False),
        conv_bias=text.bool("use_conv_bias", default=True),
    )


def mamba2(
    source: Source,
    name: str,
    *,
    heads: int,
    head_size: int,
    groups: int,
    state_size: int,
    kernel: int,
    bias: bool,
    conv_bias: bool,
) -> tuple[Part, ...]:
    """vLLM's MambaMixer2: everything is divided by heads; a single group of B and C is copied to each rank."""
    inner, shared = Output(heads, head_size), Output(groups, state_size, replicated=groups == 1)
    hidden = source.hidden_size
    return (
        Linear(f"{name}.in_proj", hidden, (inner, inner, shared, shared, Output(heads)), "column", bias),
        row(f"{name}.out_proj", heads * head_size, hidden, bias),
        Linear(f"{name}.conv1d", kernel, (inner, shared, shared), "column", conv_bias, quantized=False),
        Tensor(f"{name}.A", heads, split=True, element_bytes=FLOAT32_BYTES),
        Tensor(f"{name}.D", heads, split=True),
        Tensor(f"{name}.dt_bias", heads, split=True),
        Tensor(f"{name}.norm", heads, head_size, split=True),
    )


def _nemotron_attention(source: Source) -> tuple[Part, ...]:
    return attention(
        "mixer", source.hidden_size, source.num_heads, source.num_kv_heads, source.head_size(), None
    )


def _nemotron_mlp(source: Source) -> tuple[Part, ...]:
    bias = source.text.bool("mlp_bias", default=False)
    return mlp("mixer", source.hidden_size, source.intermediate_size, bias=bias)


def _nemotron_experts(source: Source) -> tuple[Part, ...]:
    text, hidden = source.text, source.hidden_size
    count = text.int("n_routed_experts", minimum=1)
    latent = text.optional_int("moe_latent_size", minimum=1)
    parts: list[Part] = [
        router("mixer.gate", hidden, count),
        Tensor("mixer.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES),
        experts(
            "mixer.experts",
            count,
            latent or hidden,
            text.int("moe_intermediate_size", minimum=1),
            gated=False,
            checkpoint_names=("up_proj", "down_proj"),
        ),
    ]
    shared = text.int("n_shared_experts", default=0)
    if shared:
        inner = text.int("moe_shared_expert_intermediate_size", minimum=1) * shared
        parts += mlp("mixer.shared_experts", hidden, inner, is_shared_expert=True)
    if latent is not None:
        bias = text.bool("mlp_bias", default=False)
        parts += [
            replicated("mixer.fc1_latent_proj", hidden, latent, bias=bias),
            replicated("mixer.fc2_latent_proj", latent, hidden, bias=bias),
        ]
    return tuple(parts)
