"""What the reader asks of a driver's library. NVML answers it in `nvml.py`; amdsmi would in a file of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vllm_costmeter.core.gpu import GpuProcess
from vllm_costmeter.core.gpu_device import GpuDevice, UsedGpu
from vllm_costmeter.core.gpu_reading import SliceShare


class DriverError(Exception):
    """The driver is absent, unloaded, lost its card or answers with errors only. The text is one line."""


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Memory that one process holds on one GPU; None where the driver does not tell."""

    pid: int
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class GpuSample:
    """What a driver says of one GPU now. None: it cannot say."""

    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_free_bytes: int | None = None
    processes: tuple[ProcessMemory, ...] | None = None
    power_watts: float | None = None
    utilization_ratio: float | None = None
    energy_counter_joules: float | None = None
    """Since the driver was loaded."""
    slice: SliceShare | None = None


class GpuDriver(Protocol):
    """A driver's library. Every call may block for ever or raise DriverError."""

    def open(self) -> None:
        """Connects."""

    def devices(self) -> tuple[GpuDevice, ...]:
        """Lists the machine's cards."""

    def sample(self, gpu: UsedGpu) -> GpuSample:
        """Reads one GPU."""

    def processes(self, gpu: UsedGpu) -> tuple[GpuProcess, ...]:
        """Who holds memory on one GPU, by name; empty where the driver does not list them."""

    def close(self) -> None:
        """Disconnects; harmless when not connected."""
