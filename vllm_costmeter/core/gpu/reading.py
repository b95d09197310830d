"""What a GPU driver says of the GPUs a server uses, at one moment. None: it cannot say; never 0 for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

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
"""Why not every GPU of a server is read, in the few words that a metric's label may hold."""


@dataclass(frozen=True, slots=True)
class SliceShare:
    """How much of its card a MIG slice is, in the driver's own numbers."""

    memory_bytes: int | None
    card_memory_bytes: int | None
    compute_slices: int | None
    """Of the card's 7 (A100, H100, H200, B200) or 4 (A30, RTX PRO 6000)."""


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Memory that one process holds on one GPU; None where the driver does not tell."""

    pid: int
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class GpuSample:
    """One GPU's figures as the driver gave them, in base units; `gpu_bounds` says which may be believed."""

    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_free_bytes: int | None = None
    processes: tuple[ProcessMemory, ...] | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    """The highest that may be set, or the one in force where the driver tells only that."""
    utilization_ratio: float | None = None
    energy_counter_joules: float | None = None
    """Since the driver was loaded."""
    slice: SliceShare | None = None


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One card, or one MIG slice of a card."""

    label: str
    """"0", or "0/1" for a slice: the `gpu` label of the metrics."""
    index: int
    uuid: str
    name: str
    """The card's name, also for a slice."""
    memory_total_bytes: int | None = None
    """What CUDA programs can share: the driver's total without what it reserves for itself."""
    memory_used_bytes: int | None = None
    """By all processes, without the driver's reserve."""
    memory_free_bytes: int | None = None
    process_memory_bytes: int | None = None
    """Held by this server's own processes; None where the driver's process ids lead nowhere (most containers)."""
    power_watts: float | None = None
    utilization_ratio: float | None = None
    energy_joules: float | None = None
    """Drawn since this source began to read the card; never falls, also across a reload of the driver."""
    slice: SliceShare | None = None
    """Given for a MIG slice. Power, utilisation and energy are the whole card's and so None for a slice."""


@dataclass(frozen=True, slots=True)
class GpuReadings:
    """All cards of this server at one moment."""

    up: bool
    """True when the driver answered for every card."""
    gpus: tuple[GpuReading, ...] = ()
    read_monotonic_seconds: float | None = None
    """When, on the machine's monotonic clock; None before the first attempt ended."""
    error: str | None = None
    """One line that says what is wrong; None while all is well."""
    reason: DownReason | None = None
    """The same as a label."""


class GpuSource(Protocol):
    """Whatever can read GPUs: NVML now; amdsmi would be a second driver behind the same reader."""

    def latest(self) -> GpuReadings:
        """The newest readings. Never blocks, never raises."""

    def close(self) -> None:
        """Stops reading. Returns at once even where the driver hangs."""
