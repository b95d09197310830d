"""One look at one GPU."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GpuReading:
    """What the driver said of one GPU; None where it does not say (a MIG slice, an old card, no permission)."""

    gpu: str
    """The label it is published under, unique in this server."""
    name: str
    observed_seconds: float
    """When it was read, on the monotonic clock."""
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    process_memory_bytes: int | None = None
    """What this server's processes hold."""
    power_watts: float | None = None
    utilization_ratio: float | None = None
    """0 to 1."""
    energy_joules: float | None = None
    """The driver's own counter, as is: it starts anywhere and restarts with the driver."""
