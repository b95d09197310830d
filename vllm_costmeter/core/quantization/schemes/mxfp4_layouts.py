"""vLLM's layout of MXFP4 experts on a GPU: each kernel pads the matrices differently.

Read in vLLM 0.17 to 0.32 (quantization/mxfp4.py up to 0.18, fused_moe/oracle/mxfp4.py since): the first backend in the
list that runs on the GPU, and `mxfp4_round_up_hidden_size_and_intermediate_size` for it.
"""

from __future__ import annotations

from vllm_costmeter.core.quantization.scheme import KernelTarget
from vllm_costmeter.core.quantization.schemes.fp4 import HOPPER_MXFP4, Mxfp4Layout

MARLIN = Mxfp4Layout("Marlin", inner_multiple=128, hidden_multiple=256)
TENSORRT = Mxfp4Layout("FlashInfer TRT-LLM", inner_multiple=128, hidden_multiple=256)
TENSORRT_BEFORE_0_27 = Mxfp4Layout("FlashInfer TRT-LLM", inner_multiple=256, hidden_multiple=256)
_THOR = 11  # Marlin's until 0.31: Triton's kernels were let onto compute capability 11 and 12 in 0.32, Marlin kept 12


def mxfp4_layout(gpu: KernelTarget) -> Mxfp4Layout:
    """The layout on a GPU; Hopper's if its capability is unknown."""
    if gpu.compute_capability is None:
        return HOPPER_MXFP4
    major, version = gpu.compute_capability[0], gpu.release.minor
    if major == 9 or (major == _THOR and version >= (0, 32)):
        return HOPPER_MXFP4
    if major == 10:
        return TENSORRT if version >= (0, 27) else TENSORRT_BEFORE_0_27
    return MARLIN
