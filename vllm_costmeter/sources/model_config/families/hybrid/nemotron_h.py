"""Nemotron-H and Nemotron 3: Mamba 2, attention, an MLP or experts in each layer (vLLM 0.32, nemotron_h.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    attention,
    experts,
    mlp,
    norms,
    replicated,
    router,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.mixers import mamba2
from vllm_costmeter.sources.model_config.families.layers import EDGES, Block, language_model, layer_of
from vllm_costmeter.sources.model_config.families.prediction import (
    LARGEST_PREDICTION_COUNT,
    divided,
    extended,
    head_like,
    predictor,
)
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import model_window
from vllm_costmeter.sources.model_config.reader import ConfigReader

_LETTERS = {
    "mamba": "M",
    "linear_attention": "M",
    "attention": "*",
    "full_attention": "*",
    "mlp": "-",
    "moe": "E",
}


def nemotron_h(source: Source) -> Weights:
    """Nemotron-H and Nemotron 3: one mixer per layer, chosen by a pattern of M (Mamba 2), * (attention),
    - (MLP) and E (experts, in Super and Ultra behind a narrower latent)."""
    pattern = _pattern(source)
    built = {kind: _layer(source, kind) for kind in sorted(set(pattern))}
    return language_model(
        source, [built[kind] for kind in pattern], tied=source.is_tied(), on_every_rank=EDGES
    )


def _layer(source: Source, kind: str) -> Layer:
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


def _nemotron_attention(source: Source) -> Block:
    return attention(source, "mixer", None, window=model_window(source))


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


def prediction(source: Source, target: Weights, count: int) -> Weights | None:
    """Nemotron 3: one prediction layer, itself a pattern of layers; a divided projection before the first and a norm
    after the last."""
    pattern = _prediction_pattern(source.text)
    if count != 1 or not pattern or set(pattern) - set("*E"):
        return None
    layers = [_layer(source, kind) for kind in pattern]
    hidden = source.hidden_size
    layers[0] = extended(layers[0], divided(source, "eh_proj"), *norms(hidden, "enorm", "hnorm"))
    layers[-1] = extended(layers[-1], *norms(hidden, "final_layernorm"))
    return predictor(source, target, layers, prefix="mtp.layers.{}.", last=head_like(target))


def _prediction_pattern(text: ConfigReader) -> str:
    """The prediction layer as a pattern of layers, * attention and E experts, however the file spells it; other kinds,
    which vLLM refuses, are left as ?."""
    pattern = text.optional_str("mtp_hybrid_override_pattern")
    if pattern is None:
        letters = {"attention": "*", "full_attention": "*", "moe": "E"}
        kinds = text.optional_list("mtp_layers_block_type") or ["attention", "moe"]
        pattern = "".join(letters.get(kind, "?") for kind in kinds if isinstance(kind, str))
    return pattern[:LARGEST_PREDICTION_COUNT]


NEMOTRON_H = Family(nemotron_h, renames=(("backbone.", "model."),), prediction=prediction)
