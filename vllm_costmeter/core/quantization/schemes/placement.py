"""A quantization as one release lays it out on one GPU."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.quantization.scheme import KernelTarget, Quantization
from vllm_costmeter.core.quantization.schemes.checkpoint_fp8 import ListedFp8
from vllm_costmeter.core.quantization.schemes.fp4 import Mxfp4
from vllm_costmeter.core.quantization.schemes.fp8 import Fp8PerBlock

_REFINES_BLOCKS = (0, 29)  # refine_fp8_moe_block_shape, 0.29.0 to 0.33.0; compressed-tensors never calls it


def placed_on(quantization: Quantization, gpu: KernelTarget) -> Quantization:
    """The quantization with its experts as laid out on the GPU; unchanged if nothing differs."""
    if not isinstance(quantization, ListedFp8):
        return quantization
    experts = quantization.experts
    if isinstance(experts, Mxfp4):
        from vllm_costmeter.core.quantization.schemes.mxfp4_layouts import mxfp4_layout

        layout = mxfp4_layout(gpu)
        return quantization if layout == experts.layout else replace(quantization, experts=Mxfp4(layout))
    if isinstance(experts, Fp8PerBlock):
        refines = gpu.release.minor >= _REFINES_BLOCKS
        if experts.refines_blocks != refines:
            return replace(quantization, experts=replace(experts, refines_blocks=refines))
    return quantization
