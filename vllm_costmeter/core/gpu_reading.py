"""What a GPU driver says of the cards a server uses, at one moment. None: it cannot say; never 0 for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SliceShare:
    """How much of its card a MIG slice is, in the driver's own numbers."""

    memory_bytes: int | None
    card_memory_bytes: int | None
    compute_slices: int | None
    """Of the card's 7 (A100, H100, H200, B200) or 4 (A30, RTX PRO 6000)."""
    multiprocessors: int | None


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


class GpuSource(Protocol):
    """Whatever can read GPUs: NVML now; amdsmi would be a second driver behind the same reader."""

    def latest(self) -> GpuReadings:
        """The newest readings. Never blocks, never raises."""

    def close(self) -> None:
        """Stops reading. Returns at once even where the driver hangs."""
