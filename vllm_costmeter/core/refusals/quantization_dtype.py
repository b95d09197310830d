"""Dtypes in which a quantization method has no kernels."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.quantization.served_method import served_method
from vllm_costmeter.core.refusals.attention_kind import DTYPES
from vllm_costmeter.core.refusals.start import Refusal, Start

_SIXTEEN_BITS, _HALF, _BFLOAT = ("bfloat16", "float16"), ("float16",), ("bfloat16",)
_SUPPORTED: Mapping[str, tuple[str, ...]] = {
    # `get_supported_act_dtypes` of each class in model_executor/layers/quantization of 0.17.0 to 0.33.0;
    # compressed-tensors, torchao and bitsandbytes have every dtype
    **dict.fromkeys(
        (
            "auto_awq",
            "auto_gptq",
            "awq_marlin",
            "experts_int8",
            "fbgemm_fp8",
            "fp8",
            "gptq_marlin",
            "humming",
            "inc",
            "modelopt",
            "modelopt_fp4",
            "modelopt_mixed",
            "quark",
        ),
        _SIXTEEN_BITS,
    ),
    **dict.fromkeys(("awq", "gptq"), _HALF),
    **dict.fromkeys(("fp_quant", "gpt_oss_mxfp4", "modelopt_mxfp8", "mxfp4"), _BFLOAT),
}
_ONLINE: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("experts_int8", "fp8", "fp8_per_block", "fp8_per_channel", "fp8_per_tensor"), _SIXTEEN_BITS
)
_GGUF_INSIDE_VLLM, _BLACKWELL = (0, 23), (10, 0)


def quantization_dtype_fault(start: Start) -> Refusal | None:
    """`VllmConfig._get_quantization_config`: the resolved dtype must be among the method's."""
    method, supported = _method_and_dtypes(start)
    dtype = DTYPES.get(start.engine.dtype, start.engine.dtype)
    if supported is None or dtype in supported:
        return None
    why = "" if start.engine_args.dtype != "auto" else ", which --dtype auto is here"
    return Refusal(
        "dtype",
        f"quantization method {method} is served in {' or '.join(supported)}, not in {dtype}{why}",
        tuple({"dtype": name} for name in supported),
    )


def _method_and_dtypes(start: Start) -> tuple[str, tuple[str, ...] | None]:
    """None: every dtype, or not known."""
    facts, asked = start.model.quantization_facts, start.engine_args.quantization
    if start.model.weights_source == "gguf":
        return "gguf", _gguf(start)
    if facts is None:
        return asked or "", _ONLINE.get(asked or "")
    named = start.model.quantization if facts.method.startswith("modelopt") else None
    method = named or served_method(facts, asked, start.release, start.compute_capability)
    return method, _SUPPORTED.get(method)


def _gguf(start: Start) -> tuple[str, ...] | None:
    """No bfloat16 on Blackwell while vLLM itself read GGUF (gguf.py, 0.17.0 to 0.23.0); None: a plugin reads it."""
    is_blackwell = start.compute_capability is not None and start.compute_capability >= _BLACKWELL
    return ("float16", "float32") if is_blackwell and start.release.minor <= _GGUF_INSIDE_VLLM else None
