"""HunYuan V4: latent attention with a gate and sinks, sparse where the file says so, and residual lanes that each half
mixes (vLLM 0.29 to 0.33, models/hy_v4)."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import MlaLatent
from vllm_costmeter.core.model.parts import Embedding, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    column,
    experts,
    gated_mlp,
    norms,
    replicated,
    router,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import indexer, latent_attention, latent_rotary
from vllm_costmeter.sources.model_config.families.prediction import extended, numbered
from vllm_costmeter.sources.model_config.families.source import Source

_SPARSE = ("deepseek_sparse_attention", "sparse_attention", "sparse")


def hy_v4(source: Source) -> Weights:
    """`layer_types` says which layers are sparse, `indexer_types` which of these choose tokens themselves,
    `mlp_layer_types` which route."""
    text, count = source.text, source.num_layers
    kinds = _per_layer(source, "layer_types")
    sparse = [kind in _SPARSE for kind in kinds] if kinds else [False] * count
    chooses = _choosers(source)
    halves = _per_layer(source, "mlp_layer_types")
    routes = [half != "dense" for half in halves] if halves else [index > 0 for index in range(count)]
    lanes = text.int("hc_mult", default=4, minimum=1) if text.bool("enable_ihc", default=False) else 0
    each = [
        (is_sparse, is_sparse and chosen, routed)
        for is_sparse, chosen, routed in zip(sparse, chooses, routes, strict=True)
    ]
    last = norms(source.hidden_size, "model.norm")
    if lanes:
        mixed = lanes * (lanes * source.hidden_size + 1) + 1
        last = (*last, Tensor("model.hc_head", mixed, element_bytes=FLOAT32_BYTES))
    return language_model(
        source,
        each_kind(each, lambda kind: _layer(source, *kind, lanes=lanes)),
        tied=source.is_tied(),
        final_norm=last,
    )


def _per_layer(source: Source, key: str) -> Sequence[object]:
    listed = source.text.optional_list(key) or ()
    if listed and len(listed) < source.num_layers:
        raise BadInputError(f"{source.text.name}: {key} lists {len(listed)} of {source.num_layers} layers")
    return listed[: source.num_layers]


def _choosers(source: Source) -> list[bool]:
    """The first layer and each fourth from the second on, where the file does not say (`HYV4Config`)."""
    listed = _per_layer(source, "indexer_types")
    if listed:
        return [kind == "full" for kind in listed]
    return [index == 0 or (index - 1) % 4 == 0 for index in range(source.num_layers)]


def _layer(source: Source, is_sparse: bool, chooses: bool, routes: bool, *, lanes: int) -> Layer:
    hidden = source.hidden_size
    half = _experts(source) if routes else gated_mlp("mlp", hidden, source.intermediate_size)
    mixing = [part for name in ("hc_attn_layer", "hc_mlp_layer") for part in _mixing(hidden, lanes, name)]
    return layer_of(
        *_attention(source, is_sparse, chooses), *norms(hidden, *TWO_NORMS), *half, *(mixing if lanes else ())
    )


def _attention(source: Source, is_sparse: bool, chooses: bool) -> Block:
    text, heads, hidden = source.text, source.num_heads, source.hidden_size
    rotary = latent_rotary(source)
    block = tuple(
        replace(piece, sparse=is_sparse) if isinstance(piece, MlaLatent) else piece
        for piece in latent_attention(source, rotary)
    )
    parts: list[Part] = []
    if text.bool("gated_mla", default=False):
        is_by_head = text.optional_str("gating_type") == "headwise"
        parts.append(
            column("self_attn.linear_gate", hidden, heads * (1 if is_by_head else text.int("v_head_dim")))
        )
    if text.bool("learnable_sink", default=False):
        size = (
            FLOAT32_BYTES if is_sparse else None
        )  # where no backend takes sinks they are loaded and not used
        parts.append(Tensor("self_attn.learnable_sink_param", heads, split=True, element_bytes=size))
    return (*(indexer(source, rotary) if chooses else ()), *block, *parts)


def _mixing(hidden: int, lanes: int, name: str) -> tuple[Part, ...]:
    """Gates into and out of the lanes, always float32."""
    gates = 2 * lanes
    return (Tensor(f"{name}.hc_pre", gates * (lanes * hidden + 1) + 2, element_bytes=FLOAT32_BYTES),)


def _experts(source: Source) -> tuple[Part, ...]:
    text, hidden = source.text, source.hidden_size
    count, inner = text.int("n_routed_experts", minimum=1), text.int("moe_intermediate_size", minimum=1)
    shared = text.int("n_shared_experts", default=0)
    return (
        router("mlp.gate", hidden, count, float32=True),
        Tensor("mlp.expert_bias", count, element_bytes=FLOAT32_BYTES),
        experts("mlp.experts", count, hidden, inner),
        *(gated_mlp("mlp.shared_experts", hidden, inner * shared, is_shared_expert=True) if shared else ()),
    )


def _prediction(source: Source, target: Weights, count: int) -> Weights:
    """Layers with experts and without lanes, sparse as the model's last layer; a sparse one chooses tokens itself."""
    hidden = source.hidden_size
    kinds = _per_layer(source, "layer_types")
    is_sparse = bool(kinds) and kinds[-1] in _SPARSE
    layer = extended(
        _layer(source, is_sparse, is_sparse, True, lanes=0),
        replicated("eh_proj", 2 * hidden, hidden, quantized=False),
        *norms(hidden, "enorm", "hnorm", "final_layernorm"),
        Embedding("lm_head", source.vocab_size, hidden, quantized=True),
    )
    return numbered(source, target, [layer] * count)


HY_V4 = Family(hy_v4, prediction=_prediction)
