"""The GPUs a model is placed on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass

GpuSource = Literal["catalog", "nvml", "amdsmi", "flag"]
UnifiedGpu = Literal["gb10", "thor", "orin", "strix_halo"]

_UNIFIED_CAPABILITIES: Mapping[tuple[int, int], UnifiedGpu] = {
    (8, 7): "orin",
    (11, 0): "thor",
    (12, 1): "gb10",
}
"""`shared_sysmem_device_mem_sms` of vllm/utils/mem_utils.py, 0.17 to 0.19; newer releases ask CUDA whether
the GPU is integrated."""
_UNIFIED_NAMES: Mapping[str, UnifiedGpu] = {
    "gb10": "gb10",
    "spark": "gb10",
    "thor": "thor",
    "orin": "orin",
    "strix": "strix_halo",
    "8060s": "strix_halo",
}

_SEPARATORS = str.maketrans("-()", "   ")

SLICE_MARK = " MIG "
"""Between a GPU's name and a profile's, as in "H100 SXM MIG 3g.40gb"; NVML's names of slices have it too."""

SMALLEST_GIB, LARGEST_GIB = 0.1, 1 << 20
"""Outside this range a unit or the driver is wrong: no CUDA GPU has so little or so much memory."""


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """Another process that uses memory of a GPU."""

    pid: int
    name: str | None = None
    """Its program; None if the driver does not report it."""
    memory_bytes: int | None = None
    """None if the driver does not report it."""
    gpu: str = "0"
    """The driver's index of the GPU, as in nvidia-smi; "0/1" is a slice of GPU 0."""


@dataclass(frozen=True, slots=True)
class GpuPrice:
    """The rental price of one GPU."""

    usd_per_hour: float
    as_of: str
    is_stale: bool
    source: str


@dataclass(frozen=True, slots=True)
class GpuGroup:
    """`count` equal GPUs, each with `memory_bytes` as reported by CUDA (not the nominal size)."""

    name: str
    memory_bytes: int
    count: int = 1
    source: GpuSource = "catalog"
    free_bytes: int | None = None
    """Free memory per GPU now; None if not measured (a GPU from the catalogue, a laptop)."""
    processes: tuple[GpuProcess, ...] = ()
    """Other processes on the GPU with the least free memory, largest first; empty if not reported."""
    compute_capability: tuple[int, int] | None = None
    """(major, minor); None if unknown (--gpu-memory-gib alone, an AMD GPU)."""
    memory_bytes_range: tuple[int, int] | None = None
    """Lowest and highest size that CUDA may report, if `memory_bytes` is an estimate or depends on the machine's
    settings (unified memory); None if it was read or given."""
    is_count_stated: bool = False
    """Whether the count was given or read from the machine; otherwise it is what the parallel layout needs."""
    price: GpuPrice | None = None
    """Of a MIG slice: its part of the whole GPU's price, which no list has. None for whole GPUs, or if unknown."""

    def __post_init__(self) -> None:
        if self.memory_bytes <= 0 or self.count <= 0:
            raise ValueError(
                f"a GPU needs memory and a count above 0, got {self.memory_bytes} bytes x {self.count}"
            )

    @property
    def is_local(self) -> bool:
        """Whether it was read from this machine's driver."""
        return self.source in ("nvml", "amdsmi")

    @property
    def is_slice(self) -> bool:
        """Whether it is a MIG slice: CUDA shows a process one, so that no model spreads over several."""
        return SLICE_MARK in self.name

    @property
    def unified(self) -> UnifiedGpu | None:
        """Which GPU without memory of its own this is, by compute capability or name; None for all others."""
        if self.compute_capability is not None:
            return _UNIFIED_CAPABILITIES.get(self.compute_capability)
        words = self.name.casefold().translate(_SEPARATORS).split()
        return next((_UNIFIED_NAMES[word] for word in words if word in _UNIFIED_NAMES), None)

    def share_error_bytes(self, share: float) -> tuple[int, int]:
        """How far this share of the memory may be below and above the estimate; (0, 0) if it is not an estimate."""
        if self.memory_bytes_range is None:
            return 0, 0
        low, high = self.memory_bytes_range
        return math.ceil((self.memory_bytes - low) * share), math.ceil((high - self.memory_bytes) * share)
