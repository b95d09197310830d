"""Granite 4: Mamba 2 or attention, then routed experts and a shared MLP (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.hybrid.mixers import mamba2
from vllm_costmeter.sources.model_config.families.layers import (
    EDGES,
    Block,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.moe.granite import granite_attention, granite_halves
from vllm_costmeter.sources.model_config.families.source import Source

_FULL = ("attention", "full_attention")

_MAMBA = ("mamba", "linear_attention")  # as published, and as transformers 5 writes it


def granite_hybrid(source: Source) -> Weights:
    """Granite 4: `layer_types` names each layer mamba or attention; small ones have no routed experts."""
    text = source.text
    rest = granite_halves(source)
    names = text.optional_list("layer_types", "layers_block_type")
    kinds = ["mamba"] * source.num_layers if names is None else [str(name) for name in names]
    unknown = set(kinds) - {*_MAMBA, *_FULL}
    if unknown:
        raise NotUnderstoodError(
            f"{text.name}: layer type {sorted(unknown)[0][:40]!r} is not known for this architecture"
        )
    if len(kinds) < source.num_layers:
        raise BadInputError(
            f"{text.name}: {text.path}layer_types has {len(kinds)} entries for {source.num_layers} layers"
        )

    if set(kinds) <= set(_MAMBA):
        raise NotUnderstoodError(f"{text.name}: Granite 4 without any attention layer is not known")

    def layer(is_mamba: bool) -> Layer:
        return layer_of(*(_mamba(source) if is_mamba else granite_attention(source)), *rest)

    layers = each_kind((kind in _MAMBA for kind in kinds[: source.num_layers]), layer)
    return language_model(source, layers, tied=source.is_tied(), on_every_rank=EDGES)


def _mamba(source: Source) -> Block:
    """Sizes and defaults of transformers' GraniteMoeHybridConfig, 5.x."""
    text = source.text
    heads = text.int("mamba_n_heads", default=128, minimum=1)
    return mamba2(
        source,
        "mamba",
        heads=heads,
        head_size=text.int("mamba_expand", default=2, minimum=1) * source.hidden_size // heads,
        groups=text.int("mamba_n_groups", default=1, minimum=1),
        state_size=text.int("mamba_d_state", default=256, minimum=1),
        kernel=text.int("mamba_d_conv", default=4, minimum=1),
        bias=text.bool("mamba_proj_bias", default=False),
        conv_bias=text.bool("mamba_conv_bias", default=True),
    )
