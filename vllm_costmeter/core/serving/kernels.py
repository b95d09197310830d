"""The seconds of one GPU kernel: a floor, and the shares of bandwidth and dense rate that it reaches.

seconds = floor + (memory^p + compute^p)^(1/p): both limits are felt where they meet, the more sharply the larger p.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.serving.float32 import Float32Units

Format = Literal["fp32", "bf16", "fp8", "fp8_block", "int8", "int4", "nvfp4", "mxfp4"]
"""How weights are stored, as far as kernels differ: 32 bits (routers), 16 bits, 8 bits with one scale per tensor or
channel, 8 bits with a scale per block, and the three 4-bit formats."""

UNCUT = float("inf")


@dataclass(frozen=True, slots=True)
class Kernel:
    """Fitted to timings of the kernel alone."""

    floor_seconds: float
    """Of the smallest input, inside a CUDA graph."""
    bandwidth_share: float
    """Of the published bandwidth; above 1 where the L2 cache serves a part."""
    compute_share: float
    """Of the dense rate."""
    sharpness: float = 1.5
    narrow_columns: float = 0.0
    """Columns of padding in each slice of an expert: tensor parallelism makes slices narrow."""

    def seconds(self, read_seconds: float, work_seconds: float, columns: float = UNCUT) -> float:
        """`read_seconds` at the published bandwidth, `work_seconds` at the dense rate; `columns` of a slice."""
        waste = 1 + self.narrow_columns / columns
        memory = read_seconds * waste / self.bandwidth_share
        compute = work_seconds * waste / self.compute_share
        longest = max(memory, compute)
        if not longest:
            return self.floor_seconds
        shorter = min(memory, compute) / longest
        met: float = (1 + shorter**self.sharpness) ** (1 / self.sharpness)
        return self.floor_seconds + longest * met


@dataclass(frozen=True, slots=True)
class Kernels:
    """The kernels of one GPU architecture, by the format of the weights."""

    matrices: Mapping[Format, Kernel]
    experts: Mapping[Format, Kernel]
    attention: Kernel
    """Decode attention of one layer; it reads the KV cache."""
    prompt_attention_share: float
    """Of the dense 16-bit rate in long prompts; half of it is reached at `HALF_SPEED_PROMPT_TOKENS`."""
    small_seconds: float
    """One norm, rotary embedding, cache write or activation, beside its bytes."""
    float32: Float32Units
    launch_seconds: float = 0.3e-3
    """Of one dense layer outside CUDA graphs, on the CPU; see generations.py."""
    expert_launch_seconds: float = 1.0e-3
    """Of one layer with routed experts."""

    def matrix(self, form: Format) -> Kernel:
        """The kernel of a linear layer; a format without one uses that of its nearest."""
        return _nearest(self.matrices, form)

    def expert(self, form: Format) -> Kernel:
        """The fused kernel of one layer's routed experts."""
        return _nearest(self.experts, form)


_NEAREST: Mapping[Format, tuple[Format, ...]] = {
    "fp32": (),
    "bf16": (),
    "fp8": ("int4",),
    "fp8_block": ("fp8", "int4"),
    "int8": ("fp8", "int4"),
    "int4": (),
    "nvfp4": ("int4",),
    "mxfp4": ("int4",),
}


def _nearest(known: Mapping[Format, Kernel], form: Format) -> Kernel:
    return next(known[each] for each in (form, *_NEAREST[form], "bf16") if each in known)
