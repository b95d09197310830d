"""A model's own prediction layers (MTP), which speculative decoding loads beside it (vLLM 0.32: its `*_mtp.py` models,
and `SpeculativeConfig.hf_config_override` for which model has which)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from vllm_costmeter.core.model.parts import AttentionScales, Embedding, Part
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.schemes.checkpoint_fp8 import ListedFp8
from vllm_costmeter.core.quantization.schemes.fp4 import Mxfp4
from vllm_costmeter.sources.model_config.architectures import deepseek_v4, mimo, mla, nemotron_h
from vllm_costmeter.sources.model_config.architectures.blocks import gated_mlp, norms, replicated
from vllm_costmeter.sources.model_config.architectures.dense import (
    LLAMA,
    Style,
    dense_attention,
    style_rotary,
)
from vllm_costmeter.sources.model_config.architectures.layers import each_kind, layer_of
from vllm_costmeter.sources.model_config.architectures.prediction_parts import (
    divided,
    extended,
    head,
    head_like,
    joined,
    numbered,
    predictor,
)
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.architectures.windows import stated_window
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.reader import ConfigReader

LARGEST_PREDICTION_COUNT = 64  # published models have 1 to 3; more is a corrupt file
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
    join = joined(source, "eh_proj", "enorm", "hnorm", "shared_head.norm")
    return numbered(source, target, [extended(layer, *join, head(source, "head"))] * count)


def _deepseek_v4(source: Source, target: Weights, count: int) -> Weights:
    """A layer of a window alone, two quantized projections and a mix of residual lanes of its own."""
    hidden = source.hidden_size
    layer = extended(
        deepseek_v4.window_layer(source),
        replicated("e_proj", hidden, hidden),
        replicated("h_proj", hidden, hidden),
        deepseek_v4.lane_mix(source, "hc_head"),
        *norms(hidden, "enorm", "hnorm", "shared_head.norm"),
        head(source, "head"),
    )
    if isinstance(target.quantization, ListedFp8) and _keeps_native_experts(source):
        target = replace(target, quantization=replace(target.quantization, experts=Mxfp4()))
    return numbered(source, target, [layer] * count)


def _keeps_native_experts(source: Source) -> bool:
    """Whether an NVFP4 checkpoint ignores these layers: their experts are in MXFP4 then, as DeepSeek publishes them."""
    section = source.root.optional_section("quantization_config")
    if section is None or section.raw("moe_quant_algo") != "NVFP4":
        return False
    entries = section.optional_list("ignore") or ()
    return any(isinstance(entry, str) and fnmatchcase("mtp.0.ffn.experts", entry) for entry in entries)


def _hunyuan3(source: Source, target: Weights, count: int) -> Weights:
    join = joined(source, "eh_proj", "enorm", "hnorm", "final_layernorm")
    layer = extended(target.layers[-1], *join, head(source, "shared_head.head"))
    return numbered(source, target, [layer] * count)


def _mimo(source: Source, target: Weights, count: int) -> Weights:
    join = joined(source, "input_proj", "token_layernorm", "hidden_layernorm", "final_layernorm")
    layer = extended(target.layers[-1], *join)
    return numbered(source, target, [layer] * count, last=head_like(target))


def _mimo_v2(source: Source, target: Weights, count: int) -> Weights:
    """A dense layer with a window."""
    join = joined(source, "eh_proj", "enorm", "hnorm", "final_layernorm")
    layer = extended(mimo.prediction_layer(source), *join)
    own = Embedding("lm_head", source.vocab_size, source.hidden_size)
    return predictor(source, target, [layer] * count, prefix="model.mtp.layers.{}.", last=(own,))


def _ernie(source: Source, target: Weights, count: int) -> Weights:
    """ERNIE 4.5: a dense layer of Llama's shape, which rotates in another order than the model and so has a table of
    its own."""
    hidden = source.hidden_size
    table = style_rotary(source, LLAMA)
    layer = layer_of(
        *dense_attention(source, LLAMA, replace(table, name=table.name + ",neox")),
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, *_TWO_NORMS),
        *joined(source, "mtp_linear_proj", "mtp_emb_norm", "mtp_hidden_norm"),
    )
    return numbered(source, target, [layer] * count, last=head_like(target))


def _nemotron_h(source: Source, target: Weights, count: int) -> Weights | None:
    """Nemotron 3: one prediction layer, itself a pattern of layers; a divided projection before the first and a norm
    after the last."""
    pattern = _nemotron_pattern(source.text)
    if count != 1 or not pattern or set(pattern) - set("*E"):
        return None
    layers = [nemotron_h.nemotron_layer(source, kind) for kind in pattern]
    hidden = source.hidden_size
    layers[0] = extended(layers[0], divided(source, "eh_proj"), *norms(hidden, "enorm", "hnorm"))
    layers[-1] = extended(layers[-1], *norms(hidden, "final_layernorm"))
    return predictor(source, target, layers, prefix="mtp.layers.{}.", last=head_like(target))


def _nemotron_pattern(text: ConfigReader) -> str:
    """The prediction layer as a pattern of layers, * attention and E experts, however the file spells it; other kinds,
    which vLLM refuses, are left as ?."""
    pattern = text.optional_str("mtp_hybrid_override_pattern")
    if pattern is None:
        letters = {"attention": "*", "full_attention": "*", "moe": "E"}
        kinds = text.optional_list("mtp_layers_block_type") or ["attention", "moe"]
        pattern = "".join(letters.get(kind, "?") for kind in kinds if isinstance(kind, str))
    return pattern[:LARGEST_PREDICTION_COUNT]


def _qwen(source: Source, target: Weights, count: int) -> Weights | None:
    """Qwen3-Next and Qwen3.5: layers with full attention, whatever the model's own last one has."""
    full = [layer for layer in target.layers if any(isinstance(p, AttentionScales) for p in layer.parts)]
    if not full:
        return None
    is_plain = target.quantization.method == "modelopt_fp4"  # mtp.fc is left alone, whatever the lists say
    return _behind_fc(source, target, [full[0]] * count, head_like(target), quantized=not is_plain)


def _exaone_moe(source: Source, target: Weights, count: int) -> Weights | None:
    """K-EXAONE: dense layers of the kind that `mtp_layer_types` names, or that the model's layers of the same numbers
    have; None where that is not known."""
    text, hidden = source.text, source.hidden_size
    given = text.optional_list("mtp_layer_types")
    kinds = layer_types(text, count) if given is None else tuple(given[:count])
    window = stated_window(text)
    known = {"full_attention"} if window is None else {"full_attention", "sliding_attention"}
    if text.has("mtp_sliding_windows") or len(kinds) < count or not set(map(str, kinds)) <= known:
        return None
    rest = (*gated_mlp("mlp", hidden, source.intermediate_size), *norms(hidden, *_TWO_NORMS))

    def layer(kind: str) -> Layer:
        own = window if kind == "sliding_attention" else None
        return layer_of(*dense_attention(source, Style(qk_norm="head"), None, own), *rest)

    own = () if target.is_tied else (Embedding("lm_head", source.vocab_size, hidden),)
    return _behind_fc(source, target, each_kind(kinds, layer), own)


def _behind_fc(
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
