"""The reading thread over a hand-written driver: what it does with faults that no real driver shows on demand."""

from __future__ import annotations

import time
from collections.abc import Callable

from vllm_costmeter.core.gpu.bounds import LeftOut
from vllm_costmeter.core.gpu.device import GpuDevice, UsedGpus, VisibleGpu
from vllm_costmeter.core.gpu.group import GpuProcess
from vllm_costmeter.core.gpu.reading import DownReason, GpuReadings, GpuSample, GpuSource
from vllm_costmeter.sources.gpu.driver import DriverError
from vllm_costmeter.sources.gpu.reader import GpuReader

CARD = GpuDevice(index=0, uuid="GPU-a", name="X")


class FakeDriver:
    """Answers from a list of samples or faults, and counts what it was asked; not NVML: any vendor's."""

    name = "nvml"

    def __init__(self, answers: list[GpuSample | Exception], fault_on_open: Exception | None = None) -> None:
        self.answers = answers
        self.fault_on_open = fault_on_open
        self.opened = 0
        self.closed = 0

    def open(self) -> None:
        self.opened += 1
        if self.fault_on_open is not None:
            raise self.fault_on_open

    def devices(self) -> tuple[GpuDevice, ...]:
        return (CARD,)

    def sample(self, gpu: VisibleGpu) -> GpuSample:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def processes(self, gpu: VisibleGpu) -> tuple[GpuProcess, ...]:
        return ()

    def close(self) -> None:
        self.closed += 1


def reading(
    driver: FakeDriver,
    *,
    problem: str | None = None,
    reason: DownReason | None = None,
    gpus: int = 1,
    left_out: Callable[[str, LeftOut], None] = lambda gpu, what: None,
    clock: Callable[[], float] = time.monotonic,
) -> GpuReader:
    """A reader of this driver that looks every hundredth of a second."""
    used = UsedGpus((VisibleGpu(CARD),) * gpus, problem, reason)
    return GpuReader(
        lambda: driver,
        lambda _: used,
        {7}.__contains__,
        left_out=left_out,
        interval_seconds=0.01,
        stale_seconds=1000.0,
        clock=clock,
    )


def wait_for(source: GpuSource, wanted: Callable[[GpuReadings], bool]) -> GpuReadings:
    deadline = time.monotonic() + 3
    while not wanted(latest := source.latest()):
        assert time.monotonic() < deadline, latest
        time.sleep(0.005)
    return latest


def test_nothing_is_claimed_before_the_first_reading() -> None:
    """A source that has not read yet is down and empty."""
    driver = FakeDriver([GpuSample()], fault_on_open=DriverError("none"))
    source = reading(driver)
    first = source.latest()
    source.close()
    assert (first.up, first.gpus) == (False, ())


def test_any_exception_of_a_library_is_one_line_of_error() -> None:
    """A vendor's library may raise anything; its kind and text are told, and reading goes on."""
    driver = FakeDriver([ValueError("odd\nanswer"), ValueError("odd\nanswer"), GpuSample(power_watts=5.0)])
    source = reading(driver)
    assert wait_for(source, lambda latest: latest.error is not None and "odd" in latest.error).error == (
        "ValueError: odd answer"
    )
    assert wait_for(source, lambda latest: latest.up).gpus[0].power_watts == 5.0
    source.close()


def test_an_absent_driver_is_asked_ever_more_rarely() -> None:
    """Searching for a library that is not there costs time: the pauses double."""
    driver = FakeDriver([GpuSample()], fault_on_open=DriverError("no library"))
    source = reading(driver)
    time.sleep(0.4)
    source.close()
    assert 2 <= driver.opened <= 7  # 40 rounds; pauses of 0.01, 0.02, 0.04, 0.08, 0.16 s


def test_gpus_that_cannot_be_told_apart_are_a_problem_that_is_said() -> None:
    """The choice's own reason comes out as the error, and the source is not up."""
    source = reading(FakeDriver([GpuSample()]), problem="unlike GPUs")
    assert wait_for(source, lambda latest: latest.error == "unlike GPUs").up is False
    source.close()


def test_gpus_that_cannot_be_told_apart_are_not_asked_for_again() -> None:
    """No other attempt would settle it: the driver is opened once."""
    driver = FakeDriver([GpuSample()])
    source = reading(driver, problem="unlike GPUs", reason="gpu_order_unknown")
    latest = wait_for(source, lambda latest: latest.error == "unlike GPUs")
    time.sleep(0.1)
    source.close()
    assert (latest.reason, driver.opened) == ("gpu_order_unknown", 1)


def test_a_long_error_of_many_gpus_stays_a_line() -> None:
    """Three faults of at most 300 printable characters, and how many more there are."""
    driver = FakeDriver([DriverError("\x1b[31m" + "x" * 999, "gpu_lost")])
    source = reading(driver, gpus=5)
    latest = wait_for(source, lambda latest: latest.reason == "gpu_lost")
    source.close()
    assert latest.error is not None
    assert latest.error.isprintable()
    assert latest.error.endswith("; and 2 more")
    assert len(latest.error) < 1000


def test_an_impossible_figure_is_told_each_time_with_its_gpu() -> None:
    """Whoever counts them counts readings, and the rest of the reading stays."""
    told: list[tuple[str, LeftOut]] = []
    odd = GpuSample(power_watts=4_294_967.295, utilization_ratio=0.5)
    source = reading(FakeDriver([odd]), left_out=lambda gpu, what: told.append((gpu, what)))
    wait_for(source, lambda _: len(told) > 3)
    (gpu,) = source.latest().gpus
    source.close()
    assert {(gpu, what.quantity) for gpu, what in told} == {("0", "power")}
    assert (gpu.power_watts, gpu.utilization_ratio) == (None, 0.5)


def test_closing_disconnects() -> None:
    """The driver's library is left as it was found."""
    driver = FakeDriver([GpuSample()])
    source = reading(driver)
    wait_for(source, lambda latest: latest.up)
    source.close()
    assert (driver.opened, driver.closed) == (1, 1)
