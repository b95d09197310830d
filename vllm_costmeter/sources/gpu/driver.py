"""What the reader asks of a driver's library. NVML answers it in `nvml.py`; amdsmi would in a file of its own."""

from __future__ import annotations

from typing import Protocol

from vllm_costmeter.core.gpu.device import GpuDevice, VisibleGpu
from vllm_costmeter.core.gpu.group import GpuProcess
from vllm_costmeter.core.gpu.reading import DownReason, GpuSample


class DriverError(Exception):
    """The driver is absent, unloaded, lost its GPU or answers with errors only. The text is one line."""

    def __init__(self, text: str, reason: DownReason = "driver_error") -> None:
        super().__init__(text)
        self.reason: DownReason = reason


class GpuDriver(Protocol):
    """A driver's library. Every call may block for ever or raise DriverError."""

    def open(self) -> None:
        """Connects."""

    def devices(self) -> tuple[GpuDevice, ...]:
        """Lists the machine's cards."""

    def sample(self, gpu: VisibleGpu) -> GpuSample:
        """Reads one GPU."""

    def processes(self, gpu: VisibleGpu) -> tuple[GpuProcess, ...]:
        """Who holds memory on one GPU, by name; empty where the driver does not list them."""

    def close(self) -> None:
        """Disconnects; harmless when not connected."""
