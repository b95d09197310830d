"""The format of quantized weights, as far as kernels differ by it."""

from __future__ import annotations

from vllm_costmeter.core.quantization.scheme import Scheme
from vllm_costmeter.core.quantization.schemes.fp4 import Mxfp4, Nvfp4, OnlineMxfp4, OnlineNvfp4, PackedMxfp4
from vllm_costmeter.core.quantization.schemes.fp8 import Fp8PerBlock
from vllm_costmeter.core.quantization.schemes.integer import BitsAndBytes, Grouped
from vllm_costmeter.core.serving.kernels import Format

_SIXTEEN_BITS, _EIGHT_BITS = 1.5, 0.75
"""Bytes per value above which weights have 16 and 8 bits; scales and zero points add up to an eighth."""


def format_of(scheme: Scheme, bytes_per_value: float) -> Format:
    """The format of one layer's weights. Weight-only 8-bit integers multiply as 16-bit values, like INT4."""
    if bytes_per_value >= _SIXTEEN_BITS:
        return "bf16"
    if isinstance(scheme, Nvfp4 | OnlineNvfp4):
        return "nvfp4"
    if isinstance(scheme, Mxfp4 | PackedMxfp4 | OnlineMxfp4):
        return "mxfp4"
    if isinstance(scheme, Grouped | BitsAndBytes) or bytes_per_value < _EIGHT_BITS:
        return "int4"
    return "fp8_block" if isinstance(scheme, Fp8PerBlock) else "fp8"
