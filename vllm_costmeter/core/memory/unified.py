"""Memory of GPUs that share the machine's memory with the CPU: GB10 (DGX Spark), Jetson, Strix Halo.

On the integrated GPUs of NVIDIA, vLLM takes the host's available memory (psutil's `available`: Linux's
MemAvailable, reclaimable page cache included) as the GPU's free memory: by compute capability (8.7, 11.0, 12.1) in
0.17 to 0.19, by CUDA's `is_integrated` since 0.20 (vllm/utils/mem_utils.py, `MemorySnapshot.measure`). The total
remains CUDA's. On Strix Halo both are HIP's (`is_integrated_gpu` of vllm/platforms/rocm.py is False, 0.20 to 0.33).

The fall of available memory during loading and profiling counts as memory of this vLLM: its own host memory
(staged weights, pinned buffers, compiled code) and whatever other processes take in between. What they give back
counts in its favour.
"""

from __future__ import annotations

from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import ByteRange, gib

NON_TORCH_GIB = (-3.3, 3.5, 8.0)
"""Budget less pool, weights, activations and CUDA-graph estimate in 18 logs of GB10, 0.22 to 0.27: 0.5 to 7.9 GiB, and
-3.3 once (Qwen3-30B-A3B at 0.49: the pool and the weights together exceed the budget)."""
LOGGED_TOTAL_GIB = 119.63
"""The least total of the GB10 in these logs; a smaller machine gets a share of the range (estimated)."""

OTHERS_SHARE = (0.01, 0.06, 0.088)
"""Part of the total that system and other processes use before vLLM starts: 5.9, 6.2, 8.5 and 8.6 % in four logs of
GB10 (114.54 of 121.69, 112.26 of 119.63, 111.38 of 121.69 and 111.18 of 121.63 GiB free). The least is an
estimate for a machine without a desktop."""
OTHERS_GIB = (0.5, 1.0, 2.5)
"""At least so much, however small the machine: no log, estimated for Jetson with and without a desktop."""


def unified_non_torch(gpu: GpuGroup) -> ByteRange:
    """Bytes that vLLM counts as used beside weights, activations and graphs; the low end is negative."""
    share = min(gpu.memory_bytes / gib(LOGGED_TOTAL_GIB), 1.0)
    low, value, high = (
        NON_TORCH_GIB[0] * share,
        max(NON_TORCH_GIB[1] * share, 0.5),
        max(NON_TORCH_GIB[2] * share, 1.5),
    )
    where = "18 logs of GB10" if gpu.unified == "gb10" else "as in 18 logs of GB10; none of this GPU"
    if gpu.unified == "strix_halo":
        rule = f"unified memory: what HIP counts as used; {where}"
    else:
        rule = f"unified memory: the fall of the host's available memory, whoever causes it; {where}"
    return ByteRange(gib(value), gib(low), gib(high), rule)


def unified_free(gpu: GpuGroup) -> ByteRange:
    """Free bytes at vLLM's first snapshot on a machine whose own use is not known."""
    least, usual, most = (
        max(gpu.memory_bytes - max(gib(floor), round(gpu.memory_bytes * share)), 0)
        for floor, share in zip(reversed(OTHERS_GIB), reversed(OTHERS_SHARE), strict=True)
    )
    rule = (
        f"the GPU's memory less {OTHERS_SHARE[0] * 100:g} to {OTHERS_SHARE[2] * 100:g} % that the system uses"
    )
    return ByteRange(usual, least, most, f"{rule}: 7 to 10.5 GiB in four logs of GB10")
