"""The config.json of a draft checkpoint as vLLM reads it for a speculative method: `EAGLEConfig`, `SpeculatorsConfig`
and `MedusaConfig` of transformers_utils/configs and `SpeculativeConfig.__post_init__`, vLLM 0.32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.errors import BadInputError

_PREFIXES = {"eagle": "Eagle", "eagle3": "Eagle3", "dflash": "DFlash"}
_EAGLE3_OF_TYPE = {"llama": "Eagle3LlamaForCausalLM", "qwen3": "Eagle3Qwen3ForCausalLM"}
_PEAGLE_OF_TYPE = {"llama": "PeagleLlamaForCausalLM", "qwen3": "PeagleQwen3ForCausalLM"}
_DSPARK = ("Qwen3DSparkModel", "Qwen3OmniDSparkModel")
_DSPARK_NAMES = frozenset({*_DSPARK, "Gemma4DSparkModel", "MuseSparkDSparkModel"})
_OWN_DSPARK = {"deepseek_v4": "DSparkDraftModel", "deepseek_v41": "DSparkV41DraftModel"}
"""Model types whose own checkpoint holds the drafter's layers."""
_PASSED_ON = (
    "draft_vocab_size",
    "target_hidden_size",
    "norm_before_fc",
    "fc_norm",
    "markov_rank",
    "enable_confidence_head",
    "confidence_head_with_markov",
    "use_aux_hidden_state",
    "eagle_aux_hidden_state_layer_ids",
)
_METHODS = {
    "eagle3": "eagle3",
    "peagle": "eagle3",
    "dflash": "dflash",
    "dflash2": "dflash",
    "dspark": "dspark",
}
"""`speculators_model_type` -> the method that drafts with it."""
_BY_NAME = (("eagle-", "eagle"), ("eagle3", "eagle3"), ("dflash", "dflash"), ("dspark", "dspark"))

HEAD_METHODS = frozenset({"eagle", "eagle3", "dflash", "dspark", "medusa"})
"""Methods that draft with a checkpoint of their own which is no whole model."""

_PREDICTING = ("deepseek_v3", "deepseek_v32", "glm_moe_dsa")
_ASSISTANTS = ("gemma4_assistant", "gemma4_unified_assistant")


def head_config(values: Mapping[str, Any], name: str, method: str | None) -> Mapping[str, Any] | None:
    """config.json of a head, with the architecture by which vLLM serves it; None for a whole model. BadInputError for
    one of the library speculators whose layers are not described."""
    if values.get("model_type") in _ASSISTANTS:
        return {**values, "architectures": ["Gemma4MTPModel"]}
    served_by = _method(values, name, method)
    return None if served_by is None else _head_config(values, name, served_by)


def _method(values: Mapping[str, Any], name: str, method: str | None) -> str | None:
    """The method that vLLM drafts with: the stated one, or by what the checkpoint is and is called; None: with a whole
    model, or prediction layers."""
    if method in HEAD_METHODS:
        return method
    if method not in (None, "draft_model"):
        return None
    stated = _METHODS.get(str(values.get("speculators_model_type")))
    if stated is not None:
        return stated
    called = next((found for word, found in _BY_NAME if word in name.lower()), None)
    if called is not None:
        return called
    stated_names = values.get("architectures")
    names = {str(each) for each in stated_names} if isinstance(stated_names, list) else set()
    if "MuseGlimmerAssistantModel" in names:
        return "dflash"
    if names & {*_DSPARK, "Gemma4DSparkModel", "MuseSparkDSparkModel"}:
        return "dspark"
    return "medusa" if values.get("model_type") == "medusa" else None


def _head_config(values: Mapping[str, Any], name: str, method: str) -> Mapping[str, Any]:
    if "speculators_model_type" in values:
        return _of_speculators(values, name)
    if method == "medusa":
        named = {_medusa_key(key): value for key, value in values.items()}
        return {"architectures": ["MedusaModel"], **named, "model_type": "medusa"}
    names = values.get("architectures")
    if not isinstance(names, list) or not names or not isinstance(names[0], str):
        return values
    return {**values, "architectures": [_served_name(names[0], method, values), *names[1:]]}


def _medusa_key(key: str) -> str:
    """Old files name the numbers of heads and layers otherwise (`MedusaConfig.from_pretrained`)."""
    if "num" in key and "heads" in key:
        return "num_heads"
    return "num_hidden_layers" if "num" in key and "layers" in key else key


def _served_name(name: str, method: str, values: Mapping[str, Any]) -> str:
    own = _OWN_DSPARK.get(str(values.get("model_type"))) if method == "dspark" else None
    if own is not None:
        return own
    if method == "dspark":
        return _DSPARK[0] if name == "DSparkDraftModel" and values.get("model_type") == "qwen3" else name
    prefix = _PREFIXES[method]
    if method != "dflash" and values.get("model_type") in _PREDICTING:
        name = "DeepSeekMTPModel"  # its configuration is first made that of prediction layers
    is_named = name.startswith(prefix) or (name.endswith(prefix) and method != "eagle")
    return name if is_named or name == "LiLiCorrDraftModel" else prefix + name


def _of_speculators(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A checkpoint of the library speculators, which describes its layers in a section and the rest beside it."""
    kind, layers = str(values["speculators_model_type"]), values.get("transformer_layer_config")
    if not isinstance(layers, Mapping):
        raise BadInputError(f"{name}: transformer_layer_config is missing: it describes the head's layers")
    found = {**layers, **{key: values[key] for key in _PASSED_ON if values.get(key) is not None}}
    model_type = str(layers.get("model_type", "llama"))
    own: dict[str, Any] = {}
    if kind in ("dflash", "dflash2"):
        keys = ("conv_kernel_size", "conv_group_size", "selector_rank")
        own = {key: values[key] for key in keys if values.get(key) is not None}
        found["dflash_config"] = {**own, "target_layer_ids": values.get("aux_hidden_state_layer_ids")}
    elif kind == "dspark":
        found["target_layer_ids"] = values.get("aux_hidden_state_layer_ids")
    names = values.get("architectures")
    stated = next((each for each in names or () if each in _DSPARK), _DSPARK[0])
    served = {
        "eagle3": _EAGLE3_OF_TYPE.get(model_type),
        "peagle": _PEAGLE_OF_TYPE.get(model_type),
        "dflash": "DFlashDraftModel",
        "dflash2": "DFlash2DraftModel",
        "dspark": stated,
    }.get(kind)
    quantization = values.get("quantization_config")
    if quantization is not None:
        found["quantization_config"] = quantization
    dtype = values.get("dtype") or values.get("torch_dtype")
    if dtype is not None and not layers.get("dtype") and not layers.get("torch_dtype"):
        found["dtype"] = dtype
    return {**found, "architectures": [served or f"{kind} of {model_type}".replace(" ", "_")]}
