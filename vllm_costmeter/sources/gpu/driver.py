"""The interface of a driver's library for the reader: `nvml.py`, `amd_smi.py`, and `dcgm.py` over HTTP."""

from __future__ import annotations

from typing import Protocol

from vllm_costmeter.core.gpu.device import GpuDevice, VisibleGpu
from vllm_costmeter.core.gpu.group import GpuProcess
from vllm_costmeter.core.gpu.reading import DownReason, GpuSample


class DriverError(Exception):
    """The driver is absent, unloaded, lost its GPU or returns only errors. The message is one line."""

    def __init__(self, text: str, reason: DownReason = "driver_error") -> None:
        super().__init__(text)
        self.reason: DownReason = reason


class GpuDriver(Protocol):
    """A driver's library. Every call may block forever or raise DriverError."""

    @property
    def name(self) -> str:
        """As in the setting `gpu_source`: the metrics' label `source`."""

    def open(self) -> None:
        """Connects."""

    def devices(self) -> tuple[GpuDevice, ...]:
        """List the machine's GPUs."""

    def sample(self, gpu: VisibleGpu) -> GpuSample:
        """Read one GPU."""

    def processes(self, gpu: VisibleGpu) -> tuple[GpuProcess, ...]:
        """The processes that use one GPU's memory, by name; empty if the driver does not list them."""

    def close(self) -> None:
        """Disconnect; does nothing when not connected."""
