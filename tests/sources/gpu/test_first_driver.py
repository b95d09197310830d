"""Which of several GPU sources is read."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.gpu.device import GpuDevice, VisibleGpu
from vllm_costmeter.core.gpu.group import GpuProcess
from vllm_costmeter.core.gpu.reading import DownReason, GpuSample
from vllm_costmeter.sources.gpu.driver import DriverError
from vllm_costmeter.sources.gpu.first_driver import FirstDriver


class FakeDriver:
    """Has that many GPUs, or a fault."""

    def __init__(self, name: str, gpus: int = 0, fault: DownReason | None = None) -> None:
        self.name = name
        self.gpus = gpus
        self.fault: DownReason | None = fault

    def __call__(self) -> FakeDriver:
        return self

    def open(self) -> None:
        if self.fault is not None:
            raise DriverError(f"{self.name} is down", self.fault)

    def devices(self) -> tuple[GpuDevice, ...]:
        return tuple(GpuDevice(index, f"{self.name}-{index}", "X") for index in range(self.gpus))

    def sample(self, gpu: VisibleGpu) -> GpuSample:
        return GpuSample()

    def processes(self, gpu: VisibleGpu) -> tuple[GpuProcess, ...]:
        return ()

    def close(self) -> None:
        """Nothing."""


def test_the_first_with_a_gpu_is_read() -> None:
    """A driver that is absent or has no GPU leaves the turn to the next."""
    first = FirstDriver([FakeDriver("nvml", fault="no_driver"), FakeDriver("amdsmi"), FakeDriver("dcgm", 2)])
    first.open()
    assert len(first.devices()) == 2
    assert first.name == "dcgm"


def test_a_source_that_was_read_once_is_not_replaced_by_another() -> None:
    """Its GPUs would be numbered and counted otherwise; it is waited for."""
    nvml = FakeDriver("nvml", 1)
    first = FirstDriver([nvml, FakeDriver("dcgm", 1)])
    first.open()
    assert len(first.devices()) == 1
    nvml.fault = "gpu_lost"
    with pytest.raises(DriverError, match="nvml is down"):
        first.open()
    nvml.fault = None
    first.open()
    assert first.name == "nvml"


def test_without_any_the_most_telling_fault_is_reported() -> None:
    """A driver that is there and refuses says more than one that is absent."""
    first = FirstDriver([FakeDriver("nvml", fault="no_driver"), FakeDriver("dcgm", fault="no_answer")])
    with pytest.raises(DriverError, match="dcgm is down"):
        first.open()
    absent = FirstDriver([FakeDriver("nvml", fault="no_driver"), FakeDriver("amdsmi", fault="no_driver")])
    with pytest.raises(DriverError, match="nvml is down"):
        absent.open()
    assert absent.name == "nvml"


def test_a_driver_without_gpus_is_used_where_no_other_has_any() -> None:
    """Its empty list says more than the others' absence, and a later look may find more."""
    nvml, dcgm = FakeDriver("nvml"), FakeDriver("dcgm", fault="no_answer")
    first = FirstDriver([nvml, dcgm])
    first.open()
    assert first.devices() == ()
    dcgm.fault, dcgm.gpus = None, 1
    first.open()
    assert len(first.devices()) == 1
    assert first.name == "dcgm"
