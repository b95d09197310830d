"""Read a driver once a second on a separate thread, so that a driver that hangs or disappears blocks nothing else."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from vllm_costmeter.core.gpu.bounds import LeftOut
from vllm_costmeter.core.gpu.device import UNKNOWN_NAME, GpuDevice, UsedGpus, VisibleGpu
from vllm_costmeter.core.gpu.figures import GpuFigures
from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.sources.gpu.driver import DriverError, GpuDriver

INTERVAL_SECONDS = 1.0
STALE_SECONDS = 5.0
"""An older reading is no longer returned: the driver hangs."""
LONGEST_ERROR, MOST_ERRORS = 300, 3
"""Maximum length of one error, and maximum number of errors reported per round."""
LONGEST_BACKOFF_SECONDS = 30.0
"""Maximum time between reconnects: nvmlInit without a driver searches for the library each time."""


class GpuReader:
    """A GpuSource over any GpuDriver: `latest` only returns what the thread last read."""

    def __init__(
        self,
        connect: Callable[[], GpuDriver],
        select: Callable[[tuple[GpuDevice, ...]], UsedGpus],
        owns: Callable[[int], bool],
        *,
        left_out: Callable[[str, LeftOut], None] = lambda gpu, what: None,
        rated_watts: Callable[[str], float | None] = lambda name: None,
        interval_seconds: float = INTERVAL_SECONDS,
        stale_seconds: float = STALE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._select = select
        self._owns = owns
        self._left_out = left_out
        self._rated_watts = rated_watts
        self._interval_seconds = interval_seconds
        self._stale_seconds = stale_seconds
        self._clock = clock
        self._driver: GpuDriver | None = None
        self._named: GpuDriver | None = None
        self._used: UsedGpus | None = None
        self._connect_fault: DriverError | None = None
        self._retry_at: float | None = clock()
        self._backoff_seconds = interval_seconds
        self._figures: dict[str, GpuFigures] = {}
        self._started_at = clock()
        self._latest = GpuReadings(up=False, error="the driver has not been read yet", reason="not_read_yet")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="costmeter-gpu", daemon=True)
        self._thread.start()

    def latest(self) -> GpuReadings:
        """The newest readings; none, and `up` False, if the thread has been stuck for `stale_seconds`."""
        readings = self._latest
        age = self._clock() - (readings.read_monotonic_seconds or self._started_at)
        if age <= self._stale_seconds:
            return readings
        return GpuReadings(
            up=False,
            read_monotonic_seconds=readings.read_monotonic_seconds,
            error=f"the driver has not answered for more than {self._stale_seconds:g} s",
            reason="no_answer",
            source=readings.source,
        )

    def close(self) -> None:
        """Ask the thread to stop, without waiting if the driver hangs."""
        self._stopped.set()
        self._thread.join(timeout=0.2)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._latest = self._read_once()
            self._stopped.wait(self._interval_seconds)
        self._disconnect()

    def _read_once(self) -> GpuReadings:
        """One round: connect if needed and read every GPU; an error of one does not affect the others."""
        now = self._clock()
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            self._connect_fault = self._reconnect()
        found: list[GpuReading] = []
        faults = [self._connect_fault] if self._connect_fault else []
        if self._driver is not None and self._used is not None:
            for gpu in self._used.gpus:
                try:
                    found.append(self._read(self._driver, gpu))
                except Exception as fault:  # noqa: BLE001 whatever a driver raises costs only its own metrics
                    faults.append(_told(fault))
        if self._used is not None and self._used.problem is not None:
            faults.append(DriverError(self._used.problem, self._used.reason or "driver_error"))
        self._plan_retry(now, faults)
        if not faults:
            return GpuReadings(True, tuple(found), self._clock(), source=self._name)
        lines = [str(fault) for fault in faults[:MOST_ERRORS]]
        lines += [f"and {len(faults) - MOST_ERRORS} more"] * (len(faults) > MOST_ERRORS)
        text = "; ".join(lines)
        return GpuReadings(False, tuple(found), self._clock(), text, faults[0].reason, self._name)

    def _plan_retry(self, now: float, faults: list[DriverError]) -> None:
        """Do not retry if only the order of different GPU models is unknown: a retry cannot resolve it."""
        if all(fault.reason == "gpu_order_unknown" for fault in faults):
            self._retry_at, self._backoff_seconds = None, self._interval_seconds
        elif self._retry_at is None:
            self._retry_at = now + self._backoff_seconds
            self._backoff_seconds = min(self._backoff_seconds * 2, LONGEST_BACKOFF_SECONDS)

    def _reconnect(self) -> DriverError | None:
        """Connect; returns the error if that fails. The GPUs are selected once, when all of them are present: after a
        reload the driver may renumber them, and a lost GPU must not be replaced by another."""
        self._disconnect()
        try:
            driver = self._connect()
            self._named = driver
            driver.open()
            self._driver = driver
            if self._used is None or self._used.reason == "gpu_missing":
                self._used = self._select(driver.devices())
                for gpu in self._used.gpus:
                    if gpu.device.name == UNKNOWN_NAME:
                        self._left_out(gpu.label, LeftOut("name", "the driver reports no valid name"))
        except Exception as fault:  # noqa: BLE001 as in _read_once
            return _told(fault)
        return None

    @property
    def _name(self) -> str:
        return (self._named.name if self._named else "") or "nvml"

    def _disconnect(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            with contextlib.suppress(Exception):
                driver.close()

    def _read(self, driver: GpuDriver, gpu: VisibleGpu) -> GpuReading:
        if gpu.uuid not in self._figures:
            self._figures[gpu.uuid] = GpuFigures(gpu, self._rated_watts(gpu.device.name))
        reading, left_out = self._figures[gpu.uuid].reading(driver.sample(gpu), self._owns, self._clock())
        for what in left_out:
            self._left_out(gpu.label, what)
        return reading


def _told(fault: Exception) -> DriverError:
    """The error in one line of limited length."""
    text = " ".join(str(fault).split())
    kind, reason = (
        ("", fault.reason) if isinstance(fault, DriverError) else (f"{type(fault).__name__}: ", None)
    )
    readable = "".join(letter for letter in f"{kind}{text}" if letter.isprintable())
    return DriverError(readable[:LONGEST_ERROR], reason or "driver_error")
