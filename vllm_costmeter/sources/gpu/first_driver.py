"""The first of several GPU sources that has GPUs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from vllm_costmeter.core.gpu.device import GpuDevice, VisibleGpu
from vllm_costmeter.core.gpu.group import GpuProcess
from vllm_costmeter.core.gpu.reading import GpuSample
from vllm_costmeter.sources.gpu.driver import DriverError, GpuDriver


class FirstDriver:
    """Keeps the first that lists a GPU, for good: after a failure it is opened again, and no other takes its place,
    whose counters and numbering would differ."""

    def __init__(self, makers: Sequence[Callable[[], GpuDriver]]) -> None:
        self._makers = tuple(makers)
        self._left = iter(self._makers)
        self._chosen: GpuDriver | None = None
        self.name = ""

    def open(self) -> None:
        """Opens the first that can be opened. If none can, raises the most telling DriverError: the first that is not
        about an absent driver."""
        self._left = iter(self._makers)
        faults: list[DriverError] = []
        self._chosen = self._next(faults)
        if self._chosen is None:
            raise next((fault for fault in faults if fault.reason != "no_driver"), faults[0])

    def devices(self) -> tuple[GpuDevice, ...]:
        """The GPUs of the first that has any. If none has, the one that was opened first stays for now."""
        first = self._opened
        driver: GpuDriver | None = first
        while driver is not None:
            if found := driver.devices():
                if driver is not first:
                    first.close()
                self._chosen, self.name = driver, driver.name
                self._makers = (partial(_same, driver),)
                return found
            if driver is not first:
                driver.close()
            driver = self._next([])
        self.name = self._opened.name
        return ()

    def _next(self, faults: list[DriverError]) -> GpuDriver | None:
        """The next that can be opened; the faults of those that cannot are added."""
        for make in self._left:
            driver = make()
            self.name = self.name or driver.name
            try:
                driver.open()
            except DriverError as fault:
                faults.append(fault)
                continue
            self.name = driver.name
            return driver
        return None

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


def _same(driver: GpuDriver) -> GpuDriver:
    return driver
