"""Quantizations that need a newer GPU, or an older one."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.quantization.served_method import served_method
from vllm_costmeter.core.refusals.start import Refusal, Start
from vllm_costmeter.core.release import dotted

Capability = tuple[int, int]
_Since = tuple[tuple[tuple[int, int], Capability], ...]


def _always(capability: Capability) -> _Since:
    return (((0, 0), capability),)


_LEAST: Mapping[str, _Since] = {
    # (first release, compute capability), newest first: `get_min_capability` of each class in
    # model_executor/layers/quantization of 0.17.0 to 0.33.0
    "auto_awq": _always((7, 5)),
    "awq": _always((7, 5)),
    "awq_marlin": _always((7, 5)),
    "bitsandbytes": _always((7, 0)),
    "experts_int8": _always((8, 0)),
    "fbgemm_fp8": _always((8, 0)),
    "fp8": _always((7, 5)),
    "fp_quant": _always((10, 0)),
    "gpt_oss_mxfp4": _always((8, 0)),
    "humming": _always((7, 5)),
    "modelopt": (((0, 27), (8, 0)), ((0, 0), (8, 9))),
    "modelopt_fp4": _always((7, 5)),
    "modelopt_mixed": (((0, 24), (7, 5)), ((0, 0), (8, 9))),
    "modelopt_mxfp8": (((0, 20), (8, 0)), ((0, 0), (10, 0))),
    "mxfp4": _always((8, 0)),
    "torchao": _always((7, 5)),
}
_LEAST_OF_SCHEMES: Mapping[str, Capability] = {
    # compressed-tensors checks each layer (`_check_scheme_supported`); FP8 below 8.9 falls back to 16-bit activations
    "fp8": (7, 5),
    "mxfp4": (8, 0),
    "nvfp4": (7, 5),
    "w8a8_int8": (7, 5),
    "wNa16": (7, 5),
}
_ONLINE: Mapping[str, Capability] = {"fp8": (7, 5), "fp8_per_tensor": (7, 5), "fp8_per_block": (7, 5)}
_WITHOUT_INT8 = (10, 0)


def quantization_gpu_fault(start: Start) -> Refusal | None:
    """`VllmConfig._get_quantization_config`, and compressed-tensors' own check of each scheme."""
    capability = start.compute_capability
    if capability is None:
        return None
    method, least = _needs(start, capability)
    if least is not None and capability < least:
        return Refusal(
            "compute_capability",
            f"{method} needs compute capability {dotted(least)} or newer in vLLM {start.release}; "
            f"{start.gpu.name} has {dotted(capability)}",
        )
    facts = start.model.quantization_facts
    is_int8 = facts is not None and "w8a8_int8" in facts.schemes and not start.model.is_moe
    is_default = start.engine_args.linear_backend in (None, "auto")
    if is_int8 and is_default and capability >= _WITHOUT_INT8:
        return Refusal(
            "compute_capability",
            f"vLLM's INT8 kernels (W8A8) stop at compute capability 9.x; {start.gpu.name} has {dotted(capability)}",
        )
    return None


def _needs(start: Start, capability: Capability) -> tuple[str, Capability | None]:
    """The method, and the least compute capability with which it is served; None if there is no rule."""
    facts, asked = start.model.quantization_facts, start.engine_args.quantization
    if facts is None:
        return f"--quantization {asked}", _ONLINE.get(asked or "")
    if facts.method == "compressed-tensors":
        least = [_LEAST_OF_SCHEMES[scheme] for scheme in facts.schemes if scheme in _LEAST_OF_SCHEMES]
        return f"{facts.method} ({', '.join(sorted(facts.schemes))})", max(least, default=(7, 0))
    named = start.model.quantization if facts.method.startswith("modelopt") else None
    method = named or served_method(facts, asked, start.release, capability)
    rows = _LEAST.get(method, ())
    return f"quantization method {method}", next(
        (least for since, least in rows if start.release.minor >= since), None
    )
