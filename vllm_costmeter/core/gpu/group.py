"""The card (or cards) a model is placed on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

GpuSource = Literal["catalog", "nvml", "flag"]

SMALLEST_GIB, LARGEST_GIB = 0.1, 1 << 20
"""Outside of it a unit was mistaken or a driver is: no GPU that runs CUDA has so little, none so much."""


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """Another process that holds memory on a card."""

    pid: int
    name: str | None = None
    """Its program; None where the driver does not tell."""
    memory_bytes: int | None = None
    """None where the driver does not tell."""
    card: str = "0"
    """The driver's index of the card, as nvidia-smi shows it; "0/1" is a slice of one."""


@dataclass(frozen=True, slots=True)
class GpuGroup:
    """`count` equal cards, each with `memory_bytes` as CUDA sees them (not the nameplate)."""

    name: str
    memory_bytes: int
    count: int = 1
    source: GpuSource = "catalog"
    free_bytes: int | None = None
    """Free memory per card now; None where nobody measured it (a catalogue card, a laptop)."""
    processes: tuple[GpuProcess, ...] = ()
    """Who else holds memory on the card that has the least free, the largest first; empty where nobody tells."""
    compute_capability: tuple[int, int] | None = None
    """(major, minor); None where unknown (a bare --gpu-memory-gib, an AMD card)."""
    memory_bytes_range: tuple[int, int] | None = None
    """The least and the most that CUDA may show, where `memory_bytes` is an estimate; None: it was read or given."""
    is_count_stated: bool = False
    """Whether somebody said or counted how many there are; else there are as many as the layout needs."""

    def __post_init__(self) -> None:
        if self.memory_bytes <= 0 or self.count <= 0:
            raise ValueError(
                f"a GPU needs memory and a count above 0, got {self.memory_bytes} bytes x {self.count}"
            )

    def share_error_bytes(self, share: float) -> tuple[int, int]:
        """How far below and above the estimate this share of the memory may lie; (0, 0) where it is no estimate."""
        if self.memory_bytes_range is None:
            return 0, 0
        low, high = self.memory_bytes_range
        return math.ceil((self.memory_bytes - low) * share), math.ceil((high - self.memory_bytes) * share)
