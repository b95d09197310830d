"""What prediction layers (MTP) are put together from, whichever model they belong to (vLLM 0.32: its `*_mtp.py` models,
and `SpeculativeConfig.hf_config_override` for which model has which)."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import Buffer, Embedding, Linear, Part
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.source import Source

LARGEST_PREDICTION_COUNT = 64  # published models have 1 to 3; more is a corrupt file

_COUNTS = ("num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_modules")


def prediction_count(source: Source) -> int | None:
    """The number of prediction layers that the file states."""
    stated = source.text.optional_int(*_COUNTS, maximum=LARGEST_PREDICTION_COUNT)
    return source.root.optional_int(*_COUNTS, maximum=LARGEST_PREDICTION_COUNT) if stated is None else stated


def joined(source: Source, name: str, *norm_names: str) -> tuple[Part, ...]:
    """The projection of a hidden state beside an embedding, which vLLM never quantizes, and norms around it."""
    hidden = source.hidden_size
    return replicated(name, 2 * hidden, hidden, quantized=False), *norms(hidden, *norm_names)


def divided(source: Source, name: str, *, quantized: bool = True) -> Linear:
    hidden = source.hidden_size
    return Linear(name, 2 * hidden, (Output(hidden),), "column", quantized=quantized)


def numbered(
    source: Source, target: Weights, layers: Sequence[Layer], last: tuple[Part, ...] = ()
) -> Weights:
    """Layers that count on from the model's own in vLLM's names."""
    prefix, first = target.layer_prefix, source.num_layers
    return predictor(source, target, layers, prefix=prefix, first_layer=first, last=last)


def predictor(
    source: Source,
    target: Weights,
    layers: Sequence[Layer],
    *,
    prefix: str,
    first_layer: int = 0,
    last: tuple[Part, ...] = (),
) -> Weights:
    return Weights(
        layers=_without_tables_of(target, layers),
        layer_prefix=prefix,
        first_layer=first_layer,
        first=(Embedding("model.embed_tokens", source.vocab_size, source.hidden_size),),
        last=last,
        quantization=target.quantization,
    )


def head(source: Source, name: str) -> Embedding:
    return Embedding(name, source.vocab_size, source.hidden_size, quantized=True)


def head_like(target: Weights) -> tuple[Part, ...]:
    """A head like the model's, which vLLM builds before it shares that one; none where it is the embedding."""
    parts = (*target.last, *target.everywhere)
    return tuple(part for part in parts if isinstance(part, Embedding) and part.quantized)


def extended(layer: Layer, *extra: Part) -> Layer:
    return replace(layer, parts=(*layer.parts, *extra))


def _without_tables_of(target: Weights, layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers without the rotary tables that layers of the model hold too."""
    kinds = {id(layer): layer for layer in target.layers}.values()
    held = {part for layer in kinds for part in layer.parts if isinstance(part, Buffer) and part.shared}
    return tuple(
        replace(layer, parts=tuple(part for part in layer.parts if part not in held)) for layer in layers
    )


def like_deepseek(source: Source, target: Weights, count: int, layer: Layer) -> Weights:
    join = joined(source, "eh_proj", "enorm", "hnorm", "shared_head.norm")
    return numbered(source, target, [extended(layer, *join, head(source, "head"))] * count)


def like_its_layers(source: Source, target: Weights, count: int) -> Weights:
    """Layers like the model's last, joined as DeepSeek joins them."""
    return like_deepseek(source, target, count, target.layers[-1])


def behind_fc(
    source: Source,
    target: Weights,
    layers: Sequence[Layer],
    last: tuple[Part, ...],
    *,
    quantized: bool = True,
) -> Weights:
    """Layers behind one divided projection, with three norms for all of them."""
    fc = divided(source, "mtp.fc", quantized=quantized)
    around = norms(source.hidden_size, "norm", "pre_fc_norm_hidden", "pre_fc_norm_embedding")
    return predictor(source, target, layers, prefix="mtp.layers.{}.", last=(fc, *around, *last))


def prediction_modules(source: Source) -> int:
    """Modules as vLLM counts them for windows: under this key alone (`use_multi_module_mtp`, 0.28 to 0.33)."""
    stated = source.text.values.get("num_nextn_predict_layers")
    return stated if type(stated) is int and stated > 0 else 1
