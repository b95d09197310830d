"""What a model caches, from its config.json: one entry per layer, or a reason why it is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError, nearest
from vllm_costmeter.core.model.attention import LayerCaches, ModelAttention
from vllm_costmeter.sources.model_config.architectures.source import text_section as stated_text_section
from vllm_costmeter.sources.model_config.attention_heads import Family, stated_query_heads
from vllm_costmeter.sources.model_config.attention_table import FAMILIES, MODEL_TYPES, WRAPPERS
from vllm_costmeter.sources.model_config.class_defaults import with_class_defaults
from vllm_costmeter.sources.model_config.reader import ConfigReader

_LONGEST_NAME = 100  # the longest of vLLM 0.32's architectures has 48 letters
_MODELOPT_KV_DTYPES = {"fp8": "fp8_e4m3", "nvfp4": "nvfp4"}  # MODELOPT_TO_VLLM_KV_CACHE_DTYPE_MAP, vLLM 0.32


def model_attention(config: ConfigReader, architecture: str) -> ModelAttention:
    """Every fact the KV cache of `architecture` (a name of vLLM's registry) follows from.

    Errors: NotUnderstoodError for an architecture or layer kind that is not in the table, BadInputError for a
    file that lacks or misstates what its architecture needs.
    """
    text = text_section(config)
    layers = _family(config, text, architecture)(text)
    return ModelAttention(
        layers=layers,
        num_attention_heads=stated_query_heads(text) or 0,
        dtype=_dtype(config, text),
        kv_cache_dtype=_checkpoint_kv_dtype(config, text),
        blackwell_kv_cache_dtype="fp8_e4m3" if architecture == "GlmMoeDsaForCausalLM" else None,
    )


def attention_layers(config: ConfigReader, architecture: str) -> tuple[LayerCaches, ...]:
    """The caches of each layer of `architecture`, in layer order. Errors as `model_attention`."""
    text = text_section(config)
    return _family(config, text, architecture)(text)


def _family(config: ConfigReader, text: ConfigReader, architecture: str) -> Family:
    family = FAMILIES.get(architecture)
    if family is not None:
        return family
    if architecture not in WRAPPERS:
        known = nearest(architecture, FAMILIES)
        raise NotUnderstoodError(
            f"architecture {architecture!r} is not known: its KV cache has no rule{known}"
        )
    inner = text.optional_list("architectures") if text.path else None
    family = FAMILIES.get(str(inner[0])) if inner else None
    if family is None:
        model_type = text.optional_str("model_type") or config.optional_str("model_type") or ""
        family = MODEL_TYPES.get(model_type)
        if family is None:
            raise NotUnderstoodError(
                f"{architecture}: its language model ({text.path}model_type {model_type!r}) has no KV cache rule"
            )
    return family


def text_section(config: ConfigReader) -> ConfigReader:
    """The section that describes the language model, with what its configuration class fills in."""
    return with_class_defaults(stated_text_section(config))


def _dtype(config: ConfigReader, text: ConfigReader) -> str:
    """The checkpoint's dtype as `--dtype auto` takes it: half-width floats stay, anything else becomes bfloat16."""
    for reader in (config, text):
        stated = reader.raw("dtype", "torch_dtype")
        if isinstance(stated, str):
            return "float16" if stated.removeprefix("torch.") in ("float16", "half") else "bfloat16"
    return "bfloat16"


def _checkpoint_kv_dtype(config: ConfigReader, text: ConfigReader) -> str | None:
    """The cache dtype that a quantized checkpoint asks for: ModelOpt's `kv_cache_quant_algo` or scheme, or
    llm-compressor's `kv_cache_scheme` (vLLM's `get_kv_cache_quant_algo_string` and `Attention.__init__`)."""
    section = config.optional_section("quantization_config") or text.optional_section("quantization_config")
    if section is None:
        return None
    method = section.raw("quant_method")
    if not isinstance(method, str):
        return None
    if method == "compressed-tensors":
        return "fp8" if section.raw("kv_cache_scheme") is not None else None
    if not method.startswith("modelopt"):
        return None
    inner = section.optional_section("quantization") or section
    for key in ("kv_cache_scheme", "kv_cache_quant_algo"):
        asked = inner.raw(key) or section.raw(key)
        if isinstance(asked, dict):
            return _scheme_dtype(asked)
        if isinstance(asked, str):
            return _MODELOPT_KV_DTYPES.get(asked.lower())
    return None


def _scheme_dtype(scheme: Mapping[str, Any]) -> str | None:
    if scheme.get("type") != "float":
        return None
    if scheme.get("num_bits") == 8 and scheme.get("dynamic") is False:
        return "fp8_e4m3"
    return "nvfp4" if scheme.get("num_bits") == 4 else None


def architecture_of(config: ConfigReader) -> str:
    """The first architecture config.json names. BadInputError when it names none, or what no class can be called."""
    names = config.optional_list("architectures")
    if not names or not isinstance(names[0], str):
        raise BadInputError(f"{config.name}: architectures is missing: it names the model's class")
    if not names[0].isidentifier() or len(names[0]) > _LONGEST_NAME:
        raise BadInputError(f"{config.name}: architectures names {names[0][:40]!a}, which is no class's name")
    return names[0]
