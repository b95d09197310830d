"""Granite 3 MoE and Granite 4: Mamba 2 or attention, then routed experts and a shared MLP."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.architectures.blocks import (
    attention,
    column,
    experts,
    norms,
    router,
    row,
)
from vllm_costmeter.sources.model_config.architectures.dense import Style, dense
from vllm_costmeter.sources.model_config.architectures.layers import (
    EDGES,
    Block,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.architectures.nemotron_h import mamba2
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.architectures.windows import WindowRule, as_listed, as_stated
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_FULL = ("attention", "full_attention")
_MAMBA = ("mamba", "linear_attention")  # as published, and as transformers 5 writes it


def granite_moe(source: Source) -> Weights:
    """Granite 3.x MoE: attention on every layer; some with a shared MLP beside the experts."""
    return _moe(source, as_stated)


def granite_moe_swa(source: Source) -> Weights:
    """The same with sliding windows and one sink per head."""
    return _moe(source, as_listed, _sinks(source))


def granite_swa(source: Source) -> Weights:
    """Dense, with sliding windows and one sink per head."""
    return dense(source, Style(windows=as_listed, layer_extra=(_sinks(source),)))


def _moe(source: Source, windows: WindowRule, *extra: Part) -> Weights:
    rest = (*_experts(source), *_shared(source), *_norms(source), *extra)
    layers = each_kind(windows(source), lambda window: layer_of(*_attention(source, window), *rest))
    return language_model(source, layers, tied=source.is_tied(), on_every_rank=EDGES)


def _sinks(source: Source) -> Part:
    bases = source.text.optional_list("layer_rope_theta") or []
    if len(set(map(str, bases))) > 1:
        raise NotUnderstoodError(f"{source.text.name}: Granite with several rotary bases is not known")
    return Tensor("self_attn.sinks", source.num_heads, split=True)


def granite_hybrid(source: Source) -> Weights:
    """Granite 4: `layer_types` names each layer mamba or attention; small ones have no routed experts."""
    text = source.text
    rest = (*_experts(source), *_shared(source), *_norms(source))
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

    def layer(is_mamba: bool) -> Layer:
        return layer_of(*(_mamba(source) if is_mamba else _attention(source)), *rest)

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


def _attention(source: Source, window: int | None = None) -> Block:
    bias = source.text.bool("attention_bias", default=False)
    head_size = source.head_size()
    has_positions = source.text.raw("position_embedding_type") in (None, "rope")
    rotary = rotary_table(head_size, source.max_position, rope_parameters(source.text))
    return attention(
        "self_attn",
        source.hidden_size,
        source.num_heads,
        source.num_kv_heads,
        head_size,
        rotary if has_positions else None,
        window=window,
        bias=bias,
        out_bias=bias,
    )


def _experts(source: Source) -> tuple[Part, ...]:
    count = source.text.int("num_local_experts", default=0)
    if not count:
        return ()
    name = "block_sparse_moe"
    return (
        router(f"{name}.gate", source.hidden_size, count),
        experts(f"{name}.experts", count, source.hidden_size, source.intermediate_size),
    )


def _shared(source: Source) -> tuple[Part, ...]:
    width = source.text.int("shared_intermediate_size", default=0)
    if not width:
        return ()
    hidden = source.hidden_size
    return (
        column("shared_mlp.input_linear", hidden, width, width),
        row("shared_mlp.output_linear", width, hidden),
    )


def _norms(source: Source) -> tuple[Part, ...]:
    return norms(source.hidden_size, "input_layernorm", "post_attention_layernorm")
