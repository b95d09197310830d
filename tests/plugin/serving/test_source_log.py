"""What a server's log says of the meter's sources."""

from __future__ import annotations

from vllm_costmeter.core.gpu.bounds import LeftOut
from vllm_costmeter.core.gpu.reading import DownReason, GpuReading, GpuReadings
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.plugin.serving.source_log import QUIET_SECONDS, SourceLog

UP = GpuReadings(True)


class Said:
    """A log with a clock that is told what time it is; ticks once a second."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.now = 0.0
        self.errors = ErrorCounts()
        self.log = SourceLog(self.errors, self.lines.append, lambda: self.now)

    def follow(self, sources: dict[str, str | None], gpus: GpuReadings = UP, seconds: int = 1) -> list[str]:
        """The lines said during this many ticks."""
        before = len(self.lines)
        for _ in range(seconds):
            self.now += 1
            self.log.follow(sources, gpus)
        return self.lines[before:]


def down(reason: DownReason, error: str) -> tuple[dict[str, str | None], GpuReadings]:
    return {"nvml": reason}, GpuReadings(False, error=error, reason=reason)


def test_a_reason_is_said_once_and_again_when_it_changes_or_ends() -> None:
    """Not every second, and with the driver's own words."""
    said = Said()
    assert said.follow({"nvml": None}) == []
    assert said.follow(*down("gpu_order_unknown", "unlike GPUs (A, B)"), seconds=500) == [
        "no GPU of this server can be read: unlike GPUs (A, B)"
    ]
    assert said.follow(*down("no_answer", "the driver has not answered"), seconds=50) == [
        "no GPU of this server can be read: the driver has not answered"
    ]
    assert said.follow({"nvml": None}, seconds=50) == ["all GPUs of this server can be read again"]


def test_a_reason_from_the_start_is_said_and_that_nothing_was_read_yet_is_not() -> None:
    """The first second has no answer yet; a machine without a driver says so in the next."""
    said = Said()
    assert said.follow(*down("not_read_yet", "the driver was not read yet"), seconds=3) == []
    assert said.follow(*down("no_driver", "NVML Shared Library Not Found")) == [
        "no GPU of this server can be read: NVML Shared Library Not Found"
    ]


def test_a_driver_that_comes_and_goes_fills_no_log() -> None:
    """For a day, every second, each time in other words: three lines in ten minutes at most."""
    said = Said()
    for second in range(86_400 // 3):
        said.follow(*down("driver_error", f"fault {second}"))
        said.follow(*down("gpu_lost", f"lost {second}"))
        said.follow({"nvml": None})
    assert 3 <= len(said.lines) <= 3 * 86_400 / QUIET_SECONDS + 3


def test_a_gpu_among_others_is_not_all_of_them() -> None:
    """Where some are read it says so."""
    read = GpuReading("0", 0, "GPU-a", "X", power_watts=100.0)
    partly = GpuReadings(False, (read,), error="NVML, GPU 1: GPU is lost", reason="gpu_lost")
    assert Said().follow({"nvml": "gpu_lost"}, partly) == [
        "not every GPU of this server can be read: NVML, GPU 1: GPU is lost"
    ]


def test_a_reason_that_stays_is_said_in_the_end() -> None:
    """A change within the quiet time is said after it."""
    said = Said()
    said.follow(*down("gpu_lost", "GPU 0 is lost"))
    said.follow({"nvml": None})
    assert said.follow(*down("gpu_lost", "GPU 0 is lost"), seconds=700) == [
        "no GPU of this server can be read: GPU 0 is lost"
    ]


def test_every_source_has_its_words_and_a_price_has_others() -> None:
    """That no price is known is said where one is chosen."""
    said = Said()
    lines = said.follow(
        {"price": "no_price", "engine": "fault", "energy": "not_measured", "nvml": "fault"},
        GpuReadings(False),
    )
    assert [line.split(":")[0] for line in lines] == [
        "vLLM's statistics cannot be read",
        "the driver no longer reports energy or power of a GPU",
        "no GPU of this server can be read",
    ]
    assert len(said.follow({"price": None, "engine": None, "energy": None, "nvml": None})) == 3


def test_what_a_driver_cannot_mean_is_counted_each_time_and_said_once() -> None:
    """For each GPU and quantity; the counters start at 0, so that an alert sees the first."""
    said = Said()
    assert said.errors.counts()["gpu_power"] == said.errors.counts()["gpu_energy"] == 0
    for _ in range(6):
        said.log.left_out("0", LeftOut("power", "4294967.295 W is not within 0 to 675 W"))
        said.log.left_out("1", LeftOut("power", "0 W is not within 0 to 675 W"))
    assert said.errors.counts()["gpu_power"] == 12
    assert said.lines == [
        "GPU 0: 4294967.295 W is not within 0 to 675 W; discarded and counted, now and whenever it recurs",
        "GPU 1: 0 W is not within 0 to 675 W; discarded and counted, now and whenever it recurs",
    ]
