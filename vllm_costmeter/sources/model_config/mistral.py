"""Mistral's params.json -> the config.json that vLLM makes of it (`adapt_config_dict` of transformers_utils/configs/
mistral.py, 0.17 to 0.33): Voxtral, Devstral, Magistral, Mistral Large 3 and others are published that way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.model_config.class_defaults import TEXT_SECTIONS
from vllm_costmeter.sources.model_config.params import BESIDE
from vllm_costmeter.sources.model_config.reader import ConfigReader

_LENGTH = 128_000  # where neither file states one
_RENAMED = {
    "dim": "hidden_size",
    "norm_eps": "rms_norm_eps",
    "n_kv_heads": "num_key_value_heads",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "hidden_dim": "intermediate_size",
}
_MOE = {
    "route_every_n": "moe_layer_freq",
    "first_k_dense_replace": "first_k_dense_replace",
    "num_experts_per_tok": "num_experts_per_tok",
    "num_experts": "n_routed_experts",
    "expert_hidden_dim": "moe_intermediate_size",
    "routed_scale": "routed_scaling_factor",
    "num_shared_experts": "n_shared_experts",
    "num_expert_groups": "n_group",
    "num_expert_groups_per_tok": "topk_group",
}
_YARN = {
    "factor": "factor",
    "original_max_position_embeddings": "original_max_position_embeddings",
    "beta": "beta_fast",
    "alpha": "beta_slow",
}


def config_of_params(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What vLLM reads from params.json; what it does not state is taken from the config.json beside it, if any.

    BadInputError, starting with `name`, for what vLLM's adapter refuses.
    """
    defaults = params.get(BESIDE)
    defaults = defaults if isinstance(defaults, Mapping) else {}
    config = {key: value for key, value in params.items() if key != BESIDE}
    if config.get("max_position_embeddings") is None:
        config["max_position_embeddings"] = _stated_length(defaults, name) or _LENGTH
    config = _text(config, name)
    audio = _audio_encoder(config)
    is_vision = _section(config, "multimodal").get("vision_encoder_args") or config.get("vision_encoder")
    if is_vision and audio is not None:
        raise BadInputError(f"{name}: states both a vision and an audio encoder, which vLLM refuses")
    if is_vision:
        vision = config.pop("multimodal") if config.get("multimodal") else config.pop("vision_encoder")
        config = _beside_text(config, "pixtral", "PixtralForConditionalGeneration", "vision_config", vision)
    elif audio is not None:
        config = _with_audio(config, audio, name)
    return {**defaults, **config}


def _stated_length(defaults: Mapping[str, Any], name: str) -> int | None:
    """What Hugging Face's file says, its class's default included."""
    reader = ConfigReader(defaults, name)
    text = next((found for key in TEXT_SECTIONS if (found := reader.optional_section(key))), reader)
    return text.optional_int("max_position_embeddings", minimum=1)


def _text(config: dict[str, Any], name: str) -> dict[str, Any]:
    """The language model's keys, under Hugging Face's names."""
    for key, renamed in _RENAMED.items():
        if key in config:
            config[renamed] = config.pop(key)
    config.setdefault("model_type", "transformer")
    config["hidden_act"] = config.pop("activation", "silu")
    config["tie_word_embeddings"] = config.pop("tied_embeddings", False)
    config.setdefault("max_seq_len", config["max_position_embeddings"])
    _set_windows(config, name)
    if config.get("quantization"):
        config["quantization_config"] = _quantization(config.pop("quantization"), name)
    if config.get("qk_nope_head_dim") and not config.get("moe"):
        config["moe"] = _one_expert(config)
    moe = _section(config, "moe")
    if config["model_type"] == "mamba":
        config["architectures"] = ["Mamba2ForCausalLM"]
    elif moe.get("num_shared_experts"):
        if not isinstance(config.get("llama_4_scaling"), Mapping):
            raise BadInputError(f"{name}: llama_4_scaling is missing, without which vLLM refuses this model")
        config |= {renamed: moe[key] for key, renamed in _MOE.items() if key in moe}
        config |= {"topk_method": None, "model_type": "deepseek_v3"}
        config["architectures"] = ["MistralLarge3ForCausalLM"]
    else:
        config["architectures"] = ["MixtralForCausalLM" if moe else "MistralForCausalLM"]
    if config.get("yarn"):
        config["rope_parameters"] = _yarn(config, name)
    return config


def _set_windows(config: dict[str, Any], name: str) -> None:
    """A list is a pattern over the layers, a number is the window of every layer."""
    window, count = config.get("sliding_window"), config.get("num_hidden_layers")
    if not window:
        return
    if not isinstance(count, int) or isinstance(count, bool):
        raise BadInputError(f"{name}: n_layers is missing, so the windows have no layers")
    if isinstance(window, list):
        sizes = {size for size in window if size is not None}
        if len(sizes) > 1:
            raise BadInputError(f"{name}: sliding_window names {len(sizes)} sizes, of which vLLM takes one")
        kinds = ["full_attention" if size is None else "sliding_attention" for size in window]
        config["layer_types"] = kinds * (count // len(window))
        config["sliding_window"] = next(iter(sizes), None)
    elif isinstance(window, int) and config.get("layer_types") is None:
        config["layer_types"] = ["sliding_attention"] * count
    else:
        raise BadInputError(f"{name}: sliding_window must be a number or a list of numbers and nulls")


def _quantization(stated: Any, name: str) -> dict[str, Any]:
    if not isinstance(stated, Mapping):
        raise BadInputError(f"{name}: quantization must be an object")
    if stated.get("qformat_weight") == "fp8_e4m3":
        scheme = stated.get("qscheme_act")
        if scheme not in ("NO_SCALES", "TENSOR", None):
            raise BadInputError(f"{name}: quantization.qscheme_act must be NO_SCALES or TENSOR")
        return {
            "quant_method": "fp8",
            "activation_scheme": "dynamic" if scheme == "NO_SCALES" else "static",
        }
    if str(stated.get("quant_method", "")).lower().replace("_", "-") == "compressed-tensors":
        return {**stated, "quant_method": "compressed-tensors"}
    raise BadInputError(
        f"{name}: quantization is neither fp8_e4m3 nor compressed-tensors, so vLLM refuses it"
    )


def _one_expert(config: Mapping[str, Any]) -> dict[str, Any]:
    """Latent attention without experts: vLLM runs it as a DeepSeek of dense layers."""
    return {
        "num_experts": 1,
        "first_k_dense_replace": config.get("num_hidden_layers"),
        "route_every_n": 1,
        "num_shared_experts": 1,
        "expert_hidden_dim": config.get("intermediate_size"),
        "num_experts_per_tok": 1,
    }


def _yarn(config: dict[str, Any], name: str) -> dict[str, Any]:
    stated = dict(_section(config, "yarn"))
    scaled = stated.pop("apply_scale", True)
    strange = sorted(set(stated) - set(_YARN))
    if strange:
        raise BadInputError(f"{name}: yarn.{strange[0][:40]} is not read by vLLM, which refuses it")
    found: dict[str, Any] = {"rope_type": "yarn", "mscale_all_dim": 1}
    theta = config.pop("rope_theta", None)
    if theta:
        found["rope_theta"] = theta
    if not scaled:
        found["attention_factor"] = 1.0
    return found | {_YARN[key]: value for key, value in stated.items()}


def _audio_encoder(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    arguments = _section(_section(config, "multimodal"), "whisper_model_args")
    return arguments if arguments.get("encoder_args") else None


def _with_audio(config: dict[str, Any], arguments: Mapping[str, Any], name: str) -> dict[str, Any]:
    encoder, down = _section(arguments, "encoder_args"), _section(arguments, "downsample_args")
    encoding, factor = _section(encoder, "audio_encoding_args"), down.get("downsample_factor")
    if not isinstance(factor, int):
        raise BadInputError(f"{name}: downsample_args.downsample_factor must be a whole number")
    is_causal = bool(encoder.get("causal"))
    pool = factor if is_causal else 1
    audio = {
        "num_mel_bins": encoding.get("num_mel_bins"),
        "window_size": encoding.get("window_size"),
        "downsample_factor": factor,
        "d_model": encoder.get("dim"),
        "encoder_layers": encoder.get("n_layers"),
        "encoder_ffn_dim": encoder.get("hidden_dim"),
        "encoder_attention_heads": encoder.get("n_heads"),
        "encoder_head_dim": encoder.get("head_dim"),
        "is_causal": is_causal,
        "sliding_window": encoder.get("sliding_window"),
        "block_pool_size": pool,
        "max_source_positions": encoder.get("max_source_positions") or 1500,  # of transformers' WhisperConfig
        "max_position_embeddings": pool * config["max_position_embeddings"],
    }
    architecture = "VoxtralRealtimeGeneration" if is_causal else "VoxtralForConditionalGeneration"
    config["quantization_config"] = _renamed_modules(config.get("quantization_config"))
    return _beside_text(config, "voxtral", architecture, "audio_config", audio)


def _beside_text(
    text: dict[str, Any], model_type: str, architecture: str, key: str, tower: Any
) -> dict[str, Any]:
    quantization = text.get("quantization_config")
    found = {"model_type": model_type, "architectures": [architecture], "text_config": text, key: tower}
    return {**found, "quantization_config": quantization} if quantization else found


_MODULES = (
    (r"output", "language_model.lm_head"),
    (r"layers\.(\d+)\.attention\.wo", r"language_model.model.layers.\1.self_attn.out_proj"),
    (r"layers\.(\d+)\.attention\.w(.*)", r"language_model.model.layers.\1.self_attn.\2_proj"),
    (r"layers\.(\d+)\.feed_forward\.w1", r"language_model.model.layers.\1.mlp.gate_proj"),
    (r"layers\.(\d+)\.feed_forward\.w2", r"language_model.model.layers.\1.mlp.down_proj"),
    (r"layers\.(\d+)\.feed_forward\.w3", r"language_model.model.layers.\1.mlp.up_proj"),
)
"""Of the language model; vLLM's class of Voxtral renames what compressed-tensors leaves out."""


def _renamed_modules(quantization: Any) -> Any:
    if not isinstance(quantization, Mapping) or not isinstance(quantization.get("ignore"), list):
        return quantization
    return {**quantization, "ignore": [_renamed(str(module)) for module in quantization["ignore"]]}


def _renamed(module: str) -> str:
    for pattern, renamed in _MODULES:
        if re.fullmatch(pattern, module):
            return re.sub(pattern, renamed, module)
    return module


def _section(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}
