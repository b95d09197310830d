"""Quantization methods that a release has given up, or serves only where the flags allow it."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.refusals.start import Refusal, Start
from vllm_costmeter.core.release import dotted

_BEFORE = (0, 16)
_LAST: Mapping[str, tuple[int, int]] = {
    # last release with the method (QuantizationMethods of layers/quantization/__init__.py, 0.16.0 to 0.33.0)
    **dict.fromkeys(
        ("aqlm", "bitblas", "deepspeedfp", "eetq", "gptq_bitblas", "hqq", "marlin", "qqq"), _BEFORE
    ),
    "ptpc_fp8": (0, 18),
    "petit_nvfp4": (0, 19),
}
_PLUGINS: Mapping[str, tuple[tuple[int, int], str]] = {
    # last release with the method, and the package that has it since (docs/features/quantization, 0.24.0, 0.28.0)
    "gguf": ((0, 23), "vllm-gguf-plugin"),
    "bitsandbytes": ((0, 27), "vllm-bnb-plugin"),
}
_DEPRECATED: Mapping[str, tuple[int, int]] = {
    # last release in which it needs the flag (DEPRECATED_QUANTIZATION_METHODS, 0.17.0 to 0.33.0)
    "fbgemm_fp8": (1 << 16, 0),
    "fp_quant": (1 << 16, 0),
    "experts_int8": (0, 19),
    "petit_nvfp4": (0, 19),
    "ptpc_fp8": (0, 18),
}


def method_fault(start: Start) -> Refusal | None:
    """`_verify_quantization` of vllm/config/model.py, the same in 0.17.0 to 0.33.0."""
    facts, release = start.model.quantization_facts, start.release
    method = facts.method if facts is not None else start.engine.quantization
    if method is None:
        return None
    last = _LAST.get(method)
    if last is not None and release.minor > last:
        since = "since 0.17 or earlier" if last == _BEFORE else f"since {last[0]}.{last[1] + 1}"
        return Refusal("quantization", f"vLLM has no quantization method {method} {since}")
    if method in _PLUGINS:
        last, plugin = _PLUGINS[method]
        if release.minor > last:
            return Refusal(
                "quantization",
                f"vLLM {release} serves {method} only with the package {plugin}; without one, up to {dotted(last)}",
                is_certain=False,
            )
    last = _DEPRECATED.get(method)
    if last is not None and release.minor <= last and not start.engine_args.allow_deprecated_quantization:
        return Refusal(
            "quantization",
            f"vLLM has deprecated the quantization method {method}, and refuses it without "
            "--allow-deprecated-quantization",
            ({"allow_deprecated_quantization": True},),
        )
    return None
