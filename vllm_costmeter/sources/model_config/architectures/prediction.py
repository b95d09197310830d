"""A model's own prediction layers (MTP), which speculative decoding loads beside it (vLLM 0.32: its `*_mtp.py` models,
and `SpeculativeConfig.hf_config_override` for which model has which)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Embedding, Linear, Output, Part
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.architectures import deepseek_v4, hybrid, mimo, mla
from vllm_costmeter.sources.model_config.architectures.blocks import gated_mlp, norms, replicated
from vllm_costmeter.sources.model_config.architectures.dense import (
    LLAMA,
    Style,
    dense_attention,
    style_attention,
)
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.attention_prediction import (
    LARGEST_PREDICTION_COUNT,
    nemotron_pattern,
)

_COUNTS = ("num_nextn_predict_layers", "mtp_num_hidden_layers")
_TWO_NORMS = ("input_layernorm", "post_attention_layernorm")


def prediction_weights(source: Source, architecture: str, target: Weights) -> Weights | None:
    """The prediction layers of a model that states some; None where it states none, or they are not known. Rotary
    tables are the model's own."""
    family = FAMILIES.get(architecture)
    if family is None:
        return None
    count = source.text.optional_int(*_COUNTS, maximum=LARGEST_PREDICTION_COUNT)
    if family is _mimo_v2:
        count = 1  # the only one of several that vLLM loads: _MIMO_V2_FLASH_NUM_MTP_LAYERS, 0.32
    return family(source, target, count) if count else None


def _deepseek(source: Source, target: Weights, count: int) -> Weights:
    """DeepSeek V3, V3.2 and GLM-5: with experts and, in sparse models, an indexer, whatever the other layers share."""
    return _like_deepseek(source, target, count, mla.routed_layer(source))


def _glm4_lite(source: Source, target: Weights, count: int) -> Weights:
    return _like_deepseek(source, target, count, mla.routed_layer(source, float32_router=True))


def _glm4(source: Source, target: Weights, count: int) -> Weights:
    return _like_deepseek(source, target, count, target.layers[-1])


def _like_deepseek(source: Source, target: Weights, count: int, layer: Layer) -> Weights:
    join = _joined(source, "eh_proj", "enorm", "hnorm", "shared_head.norm")
    return _numbered(source, target, [_with(layer, *join, _head(source, "head"))] * count)


def _deepseek_v4(source: Source, target: Weights, count: int) -> Weights:
    """A layer of a window alone, two quantised projections and a mix of residual lanes of its own."""
    hidden = source.hidden_size
    layer = _with(
        deepseek_v4.window_layer(source),
        replicated("e_proj", hidden, hidden),
        replicated("h_proj", hidden, hidden),
        deepseek_v4.lane_mix(source, "hc_head"),
        *norms(hidden, "enorm", "hnorm", "shared_head.norm"),
        _head(source, "head"),
    )
    return _numbered(source, target, [layer] * count)


def _hunyuan3(source: Source, target: Weights, count: int) -> Weights:
    join = _joined(source, "eh_proj", "enorm", "hnorm", "final_layernorm")
    layer = _with(target.layers[-1], *join, _head(source, "shared_head.head"))
    return _numbered(source, target, [layer] * count)


def _mimo(source: Source, target: Weights, count: int) -> Weights:
    join = _joined(source, "input_proj", "token_layernorm", "hidden_layernorm", "final_layernorm")
    layer = _with(target.layers[-1], *join)
    return _numbered(source, target, [layer] * count, last=_own_head(target))


def _mimo_v2(source: Source, target: Weights, count: int) -> Weights:
    """A dense layer with a window."""
    join = _joined(source, "eh_proj", "enorm", "hnorm", "final_layernorm")
    layer = _with(mimo.prediction_layer(source), *join)
    head = Embedding("lm_head", source.vocab_size, source.hidden_size)
    return _predictor(source, target, [layer] * count, prefix="model.mtp.layers.{}.", last=(head,))


def _ernie(source: Source, target: Weights, count: int) -> Weights:
    """ERNIE 4.5: a dense layer of Llama's shape, which rotates in another order than the model and so has a table of
    its own."""
    hidden = source.hidden_size
    layer = Layer(
        (
            *style_attention(source, LLAMA),
            *gated_mlp("mlp", hidden, source.intermediate_size),
            *norms(hidden, *_TWO_NORMS),
            *_joined(source, "mtp_linear_proj", "mtp_emb_norm", "mtp_hidden_norm"),
        )
    )
    return _numbered(source, target, [layer] * count, last=_own_head(target))


def _nemotron_h(source: Source, target: Weights, count: int) -> Weights | None:
    """Nemotron 3: one prediction layer, itself a pattern of layers; a divided projection before the first and a norm
    after the last."""
    pattern = nemotron_pattern(source.text)
    if count != 1 or not pattern or set(pattern) - set("*E"):
        return None
    layers = [hybrid.nemotron_layer(source, kind) for kind in pattern]
    hidden = source.hidden_size
    layers[0] = _with(layers[0], _divided(source, "eh_proj"), *norms(hidden, "enorm", "hnorm"))
    layers[-1] = _with(layers[-1], *norms(hidden, "final_layernorm"))
    return _predictor(source, target, layers, prefix="mtp.layers.{}.", last=_own_head(target))


def _qwen(source: Source, target: Weights, count: int) -> Weights | None:
    """Qwen3-Next and Qwen3.5: layers with full attention, whatever the model's own last one has."""
    full = [layer for layer in target.layers if any(isinstance(p, AttentionScales) for p in layer.parts)]
    if not full:
        return None
    is_plain = (
        target.quantisation.method == "modelopt_fp4"
    )  # vLLM leaves mtp.fc alone, whatever the lists say
    return _behind_fc(source, target, [_with(full[0])] * count, _own_head(target), quantised=not is_plain)


def _exaone_moe(source: Source, target: Weights, count: int) -> Weights:
    """K-EXAONE: dense layers."""
    hidden = source.hidden_size
    layer = Layer(
        (
            *dense_attention(source, Style(qk_norm="head"), None),
            *gated_mlp("mlp", hidden, source.intermediate_size),
            *norms(hidden, *_TWO_NORMS),
        )
    )
    head = () if target.is_tied else (Embedding("lm_head", source.vocab_size, hidden),)
    return _behind_fc(source, target, [layer] * count, head)


def _behind_fc(
    source: Source,
    target: Weights,
    layers: Sequence[Layer],
    head: tuple[Part, ...],
    *,
    quantised: bool = True,
) -> Weights:
    """Layers behind one divided projection, with three norms for all of them."""
    fc = _divided(source, "mtp.fc", quantised=quantised)
    around = norms(source.hidden_size, "norm", "pre_fc_norm_hidden", "pre_fc_norm_embedding")
    return _predictor(source, target, layers, prefix="mtp.layers.{}.", last=(fc, *around, *head))


def _joined(source: Source, name: str, *norm_names: str) -> tuple[Part, ...]:
    """The projection of a hidden state beside an embedding, which vLLM never quantises, and norms around it."""
    hidden = source.hidden_size
    return replicated(name, 2 * hidden, hidden, quantised=False), *norms(hidden, *norm_names)


def _divided(source: Source, name: str, *, quantised: bool = True) -> Linear:
    hidden = source.hidden_size
    return Linear(name, 2 * hidden, (Output(hidden),), "column", quantised=quantised)


def _numbered(
    source: Source, target: Weights, layers: Sequence[Layer], last: tuple[Part, ...] = ()
) -> Weights:
    """Layers that count on from the model's own in vLLM's names."""
    prefix, first = target.layer_prefix, source.num_layers
    return _predictor(source, target, layers, prefix=prefix, first_layer=first, last=last)


def _predictor(
    source: Source,
    target: Weights,
    layers: Sequence[Layer],
    *,
    prefix: str,
    first_layer: int = 0,
    last: tuple[Part, ...] = (),
) -> Weights:
    return Weights(
        layers=tuple(layers),
        layer_prefix=prefix,
        first_layer=first_layer,
        first=(Embedding("model.embed_tokens", source.vocab_size, source.hidden_size),),
        last=last,
        quantisation=target.quantisation,
    )


def _head(source: Source, name: str) -> Embedding:
    return Embedding(name, source.vocab_size, source.hidden_size, quantised=True)


def _own_head(target: Weights) -> tuple[Part, ...]:
    """A head like the model's, which vLLM builds before it shares that one; none where it is the embedding."""
    parts = (*target.last, *target.everywhere)
    return tuple(part for part in parts if isinstance(part, Embedding) and part.quantised)


def _with(layer: Layer, *extra: Part) -> Layer:
    """The layer with more parts and without its tables, which the model holds."""
    own = (part for part in layer.parts if not (isinstance(part, Buffer) and part.shared))
    return replace(layer, parts=(*own, *extra))


FAMILIES: dict[str, Callable[[Source, Weights, int], Weights | None]] = {
    **dict.fromkeys(("DeepseekV32ForCausalLM", "DeepseekV3ForCausalLM", "GlmMoeDsaForCausalLM"), _deepseek),
    "DeepseekV4ForCausalLM": _deepseek_v4,
    "Ernie4_5_MoeForCausalLM": _ernie,
    **dict.fromkeys(("ExaoneMoEForCausalLM", "ExaoneMoeForCausalLM"), _exaone_moe),
    "Glm4MoeForCausalLM": _glm4,
    "Glm4MoeLiteForCausalLM": _glm4_lite,
    "HYV3ForCausalLM": _hunyuan3,
    "MiMoForCausalLM": _mimo,
    **dict.fromkeys(("MiMoV2FlashForCausalLM", "MiMoV2ForCausalLM"), _mimo_v2),
    "NemotronHForCausalLM": _nemotron_h,
    **dict.fromkeys(
        (
            "Qwen3NextForCausalLM",
            "Qwen3_5ForCausalLM",
            "Qwen3_5ForConditionalGeneration",
            "Qwen3_5MoeForCausalLM",
            "Qwen3_5MoeForConditionalGeneration",
        ),
        _qwen,
    ),
}
