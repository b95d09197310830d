"""The quantization section of config.json, or hf_quant_config.json, as a value that knows each layer's scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.quantization.scheme import UNQUANTISED, Quantization
from vllm_costmeter.sources.model_config.reader import ConfigReader

if TYPE_CHECKING:
    from vllm_costmeter.core.quantization.facts import QuantizationFacts
    from vllm_costmeter.sources.model_config.quantization.module_names import Renames

_AUTO_ROUND = ("auto-round", "auto_round", "inc")


def quantization_of(
    root: ConfigReader,
    text: ConfigReader,
    renames: Renames,
    hf_quant_config: Mapping[str, Any] | None = None,
) -> Quantization:
    """The checkpoint's quantization; unquantized where the config states none (or no method, as vLLM reads it).

    `renames` turns the checkpoint's module names into vLLM's. NotUnderstoodError for a method without rules.
    """
    found = _section(root, text, hf_quant_config)
    return UNQUANTISED if found is None else _read(*found, root, renames)


def facts_of(
    root: ConfigReader, text: ConfigReader, hf_quant_config: Mapping[str, Any] | None = None
) -> QuantizationFacts | None:
    """What the same section states beyond bytes; None for an unquantized checkpoint."""
    found = _section(root, text, hf_quant_config)
    if found is None:
        return None
    from vllm_costmeter.sources.model_config.quantization.facts import quantization_facts

    section, method = found
    return quantization_facts(section.values, method)


def _section(
    root: ConfigReader, text: ConfigReader, hf_quant_config: Mapping[str, Any] | None
) -> tuple[ConfigReader, str] | None:
    """The section and its method."""
    section = root.optional_section("quantization_config", "compression_config")
    if section is None:
        section = text.optional_section("quantization_config", "compression_config")
    if section is None and hf_quant_config is not None:
        section = ConfigReader({"quant_method": "modelopt", **hf_quant_config}, "hf_quant_config.json")
    if section is None:
        return None
    method = (section.optional_str("quant_method") or _legacy_method(section)).lower()
    method = method.replace("compressed_tensors", "compressed-tensors")
    return (section, method) if method else None


def _read(section: ConfigReader, method: str, root: ConfigReader, renames: Renames) -> Quantization:
    """Each reader, with its schemes, is imported where a checkpoint asks for it."""
    if method.startswith("modelopt"):
        from vllm_costmeter.sources.model_config.quantization.modelopt import modelopt

        return modelopt(section, renames)
    if method == "compressed-tensors":
        from vllm_costmeter.sources.model_config.quantization.compressed_tensors import compressed_tensors

        return compressed_tensors(section, renames)
    if method == "torchao":
        from vllm_costmeter.sources.model_config.quantization.torchao import torchao

        return torchao(section)
    if method in _AUTO_ROUND:
        from vllm_costmeter.sources.model_config.quantization.auto_round import auto_round

        return auto_round(section, renames)
    from vllm_costmeter.sources.model_config.quantization.methods import METHODS, deepseek_v4

    if root.raw("model_type") in ("deepseek_v4", "deepseek_v41") and method in ("fp8", "deepseek_v4_fp8"):
        return deepseek_v4(section, root, renames)
    if method not in METHODS:
        raise NotUnderstoodError(f"{section.name}: quantization method {method!r}: its weights are not known")
    return METHODS[method](section, renames)


def _legacy_method(section: ConfigReader) -> str:
    """ModelOpt's older files name a producer and an algorithm instead of a method."""
    producer = section.optional_section("producer")
    nested = section.optional_section("quantization")
    if producer is not None and producer.raw("name") == "modelopt" and nested is not None:
        return "modelopt" if nested.has("quant_algo") else ""
    return ""
