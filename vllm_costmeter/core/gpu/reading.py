"""Driver readings of a server's GPUs at one moment. None means not available; it is never replaced by 0."""

from __future__ import annotations

from typing import Literal, Protocol

from vllm_costmeter.core.dataclass import dataclass

DownReason = Literal[
    "not_read_yet",
    "no_driver",
    "driver_mismatch",
    "no_permission",
    "no_answer",
    "gpu_lost",
    "gpu_missing",
    "gpu_order_unknown",
    "wrong_gpu",
    "driver_error",
]
"""Why not every GPU of a server can be read, as a keyword for a metric label."""


@dataclass(frozen=True, slots=True)
class SliceShare:
    """The size of a MIG slice and its GPU, as reported by the driver."""

    memory_bytes: int | None
    gpu_memory_bytes: int | None
    compute_slices: int | None
    """Out of 7 (A100, H100, H200, B200) or 4 (A30, RTX PRO 6000)."""


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Memory of one process on one GPU; None if the driver does not report it."""

    pid: int
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class GpuSample:
    """One GPU's values as reported by the driver, in base units; `bounds` decides which are plausible."""

    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_free_bytes: int | None = None
    processes: tuple[ProcessMemory, ...] | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    """The highest limit that can be set, or the current one if the driver reports only that."""
    utilization_ratio: float | None = None
    energy_counter_joules: float | None = None
    """Since the driver was loaded."""
    slice: SliceShare | None = None


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU, or one MIG slice of a GPU."""

    label: str
    """"0", or "0/1" for a slice: the `gpu` label of the metrics."""
    index: int
    uuid: str
    name: str
    """The GPU's name, also for a slice."""
    memory_total_bytes: int | None = None
    """Available to CUDA programs: the driver's total minus its own reserve."""
    memory_used_bytes: int | None = None
    """By all processes, without the driver's reserve."""
    memory_free_bytes: int | None = None
    process_memory_bytes: int | None = None
    """Used by this server's processes; None if the driver's process ids cannot be resolved (most containers)."""
    power_watts: float | None = None
    utilization_ratio: float | None = None
    energy_joules: float | None = None
    """Used since this source started reading the GPU; never decreases, even if the driver is reloaded."""
    slice: SliceShare | None = None
    """Set for a MIG slice. Power, utilization and energy are per GPU, so they are None for a slice."""


@dataclass(frozen=True, slots=True)
class GpuReadings:
    """All GPUs of this server at one moment."""

    up: bool
    """True if the driver answered for every GPU."""
    gpus: tuple[GpuReading, ...] = ()
    read_monotonic_seconds: float | None = None
    """Time of reading on the machine's monotonic clock; None before the first attempt has finished."""
    error: str | None = None
    """The problem in one line; None if there is none."""
    reason: DownReason | None = None
    """The same as a keyword for a label."""
    source: str | None = "nvml"
    """What was read: nvml, dcgm or amdsmi; None if the operator wants none read."""


class GpuSource(Protocol):
    """Anything that can read GPUs, such as a reader of NVML, of AMD SMI or of dcgm-exporter's page."""

    def latest(self) -> GpuReadings:
        """The newest readings. Never blocks, never raises."""

    def close(self) -> None:
        """Stop reading. Returns at once even if the driver hangs."""
