"""The dtype of the KV cache that a quantized checkpoint asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.sources.model_config.reader import ConfigReader

_MODELOPT_KV_DTYPES = {"fp8": "fp8_e4m3", "nvfp4": "nvfp4"}  # MODELOPT_TO_VLLM_KV_CACHE_DTYPE_MAP, vLLM 0.32


def checkpoint_kv_cache_dtype(config: ConfigReader, text: ConfigReader) -> str | None:
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
