"""The first of several GPU sources that has GPUs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vllm_costmeter.core.gpu.device import GpuDevice, VisibleGpu
from vllm_costmeter.core.gpu.group import GpuProcess
from vllm_costmeter.core.gpu.reading import GpuSample
from vllm_costmeter.sources.gpu.driver import DriverError, GpuDriver


class FirstDriver:
    """Tries each at `open` and keeps the first that lists a GPU, for good: after a failure it is opened again, and no
    other takes its place, whose counters and numbering would differ."""

    def __init__(self, makers: Sequence[Callable[[], GpuDriver]]) -> None:
        self._makers = tuple(makers)
        self._chosen: GpuDriver | None = None
        self.name = ""

    def open(self) -> None:
        """If none has a GPU, the first that opened stays until the next `open`. If none opens, raises the most telling
        DriverError: the first that is not about an absent driver."""
        self._chosen, empty, faults = None, None, []
        for make in self._makers:
            try:
                driver = make()
                self.name = self.name or driver.name
                driver.open()
                if len(self._makers) == 1 or driver.devices():
                    self._makers, self._chosen, self.name = (make,), driver, driver.name
                    return
                empty = empty or driver
            except DriverError as fault:
                if fault.reason == "gpu_order_unknown":
                    raise
                faults.append(fault)
        if empty is None:
            raise next((fault for fault in faults if fault.reason != "no_driver"), faults[0])
        self._chosen = empty

    def devices(self) -> tuple[GpuDevice, ...]:
        return self._opened.devices()

    def sample(self, gpu: VisibleGpu) -> GpuSample:
        return self._opened.sample(gpu)

    def processes(self, gpu: VisibleGpu) -> tuple[GpuProcess, ...]:
        return self._opened.processes(gpu)

    def close(self) -> None:
        if self._chosen is not None:
            self._chosen.close()

    @property
    def _opened(self) -> GpuDriver:
        if self._chosen is None:
            raise DriverError("no GPU source is open")
        return self._chosen
