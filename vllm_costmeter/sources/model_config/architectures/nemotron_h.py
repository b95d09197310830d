"""Nemotron-H and Nemotron 3: Mamba 2, attention, an MLP or experts in each layer (vLLM 0.32, nemotron_h.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import Mamba2State
from vllm_costmeter.core.model.parts import Linear, Output, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.architectures.blocks import (
    attention,
    experts,
    mlp,
    norms,
    replicated,
    router,
    row,
)
from vllm_costmeter.sources.model_config.architectures.layers import EDGES, Block, language_model, layer_of
from vllm_costmeter.sources.model_config.architectures.source import Source

_LETTERS = {
    "mamba": "M",
    "linear_attention": "M",
    "attention": "*",
    "full_attention": "*",
    "mlp": "-",
    "moe": "E",
}
_CHUNK_TOKENS = 2048  # get_mamba_chunk_size of vLLM 0.32's config/model.py


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
    return layer_of(*makers[kind](source), *norms(source.hidden_size, "norm"))


def _pattern(source: Source) -> str:
    text = source.text
    pattern = text.optional_str("hybrid_override_pattern")
    if pattern is None:
        kinds = text.optional_list("layers_block_type", "layer_types") or []
        pattern = "".join(_LETTERS.get(kind, "?") for kind in kinds if isinstance(kind, str))
    if len(pattern) != source.num_layers:
        raise BadInputError(
            f"{text.name}: hybrid_override_pattern names {len(pattern)} layers, num_hidden_layers says "
            f"{source.num_layers}"
        )
    return pattern


def _mamba2(source: Source) -> Block:
    """Sizes and defaults of transformers' NemotronHConfig, 5.x."""
    text = source.text
    return mamba2(
        source,
        "mixer",
        heads=text.int("mamba_num_heads", default=128, minimum=1),
        head_size=text.int("mamba_head_dim", default=64, minimum=1),
        groups=text.int("n_groups", "mamba_n_groups", default=8, minimum=1),
        state_size=text.int("ssm_state_size", default=128, minimum=1),
        kernel=text.int("conv_kernel", "mamba_d_conv", default=4, minimum=1),
        state_dtype=text.optional_str("mamba_ssm_cache_dtype") or "float32",
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
    has_norm: bool = True,
    state_dtype: str | None = None,
) -> Block:
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
        *((Tensor(f"{name}.norm", heads, head_size, split=True),) if has_norm else ()),
        Mamba2State(
            intermediate_size=heads * head_size,
            num_groups=groups,
            num_heads=heads,
            head_dim=head_size,
            state_size=state_size,
            conv_kernel=kernel,
            state_dtype=state_dtype,
            chunk_tokens=source.text.int(
                "mamba_chunk_size", "chunk_size", default=_CHUNK_TOKENS, minimum=1, maximum=1 << 20
            ),
        ),
    )


def _nemotron_attention(source: Source) -> Block:
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
