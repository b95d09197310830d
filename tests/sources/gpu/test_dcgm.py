"""dcgm-exporter as a GPU source, over real HTTP."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from exported import gpu_lines, line, uuid
from http_stand_in import serving

from vllm_costmeter.core.gpu.device import VisibleGpu
from vllm_costmeter.core.gpu.reading import GpuReadings, GpuSource
from vllm_costmeter.core.meter.electricity.energy import EnergyMeter
from vllm_costmeter.sources.gpu import dcgm
from vllm_costmeter.sources.gpu.dcgm import DcgmDriver
from vllm_costmeter.sources.gpu.driver import DriverError
from vllm_costmeter.sources.gpu.server_gpus import server_gpus


def page(*gpus: int, joules: float = 1000.0, watts: float = 300.0) -> str:
    return "\n".join(text for gpu in gpus for text in gpu_lines(gpu, joules=joules, watts=watts)) + "\n"


def wait_for(source: GpuSource, wanted: Callable[[GpuReadings], bool]) -> GpuReadings:
    deadline = time.monotonic() + 20
    while not wanted(latest := source.latest()):
        assert time.monotonic() < deadline, latest
        time.sleep(0.01)
    return latest


@contextmanager
def reading(url: str, **environ: str) -> Iterator[GpuSource]:
    source = server_gpus(None, source="dcgm", metrics_url=url, environ=environ, interval_seconds=0.02)
    try:
        yield source
    finally:
        source.close()


def test_the_servers_gpus_are_read_from_the_exporter() -> None:
    """Those that CUDA_VISIBLE_DEVICES leaves, and the source is called dcgm."""
    with serving(page(0, 1)) as url, reading(url, CUDA_VISIBLE_DEVICES="1") as source:
        latest = wait_for(source, lambda latest: latest.up)
    (gpu,) = latest.gpus
    assert (gpu.uuid, gpu.power_watts, latest.source) == (uuid(1), 300.0, "dcgm")


def opened(url: str, **given: float) -> DcgmDriver:
    driver = DcgmDriver(url, {}, **given)
    driver.open()
    return driver


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "has none of dcgm-exporter's metrics"),
        ("<html>proxy</html>", "has none of dcgm-exporter's metrics"),
        ("vllm:num_requests_running 1\n", "has none of dcgm-exporter's metrics"),
        ("DCGM_FI_DEV_POWER_USAGE{gpu=", "is not a metrics page"),
        (line("POWER_USAGE", 1, UUID=""), "names no GPU by its UUID"),
        ("x" * (dcgm.MOST_BYTES + 1), "has more than 8 MiB"),
    ],
)
def test_anything_else_at_the_address_is_one_line_of_error(body: str, said: str) -> None:
    with serving(body) as url, pytest.raises(DriverError, match=said):
        opened(url)


def test_an_address_that_answers_with_an_error_is_told_by_its_code() -> None:
    with serving(page(0), status=503) as url, pytest.raises(DriverError, match="responded with 503"):
        opened(url)


def test_nobody_at_the_address_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/metrics"
    with pytest.raises(DriverError, match="cannot be read: Connection refused") as raised:
        opened(url)
    assert raised.value.reason == "no_answer"


def test_an_exporter_that_accepts_and_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dcgm, "TIMEOUT_SECONDS", 0.1)
    said = r"did not respond within 0\.1 s"
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(DriverError, match=said) as raised:
        opened(f"http://127.0.0.1:{silent.getsockname()[1]}/metrics")
    assert raised.value.reason == "no_answer"


def test_a_hung_exporter_never_blocks_who_asks() -> None:
    """The page is read on the reader's thread; a tick gets what is known at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = server_gpus(
            None, source="dcgm", metrics_url=f"http://127.0.0.1:{silent.getsockname()[1]}/metrics"
        )
        assert (source.latest().gpus, source.latest().up) == ((), False)
        source.close()


def test_a_gpu_that_leaves_the_page_is_lost_and_no_other_takes_its_place() -> None:
    with serving(page(0, 1), page(1)) as url:
        driver = opened(url, page_seconds=0.0)
        first, second = driver.devices()
        with pytest.raises(DriverError, match="no longer lists GPU 0") as raised:
            driver.sample(VisibleGpu(first))
        assert raised.value.reason == "gpu_lost"
        assert driver.sample(VisibleGpu(second)).power_watts == 300.0


def test_a_page_that_cannot_be_read_is_asked_for_once_for_all_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight GPUs do not wait eight times."""
    with serving(page(*range(8))) as url:
        driver = opened(url, page_seconds=0.0)
    devices = driver.devices()
    asked: list[str] = []
    monkeypatch.setattr(dcgm.urllib.request, "build_opener", lambda *_: asked.append("once") or _Refusing())
    for device in devices:
        with pytest.raises(DriverError, match="cannot be read"):
            driver.sample(VisibleGpu(device))
    assert asked == ["once"]


class _Refusing:
    """An opener that nobody answers."""

    def open(self, *_: object, **__: object) -> None:
        raise OSError("refused")


def test_a_counter_that_stands_still_between_collections_is_given_only_when_it_moves() -> None:
    """The first value is held back too: how long ago it was counted is not known."""
    bodies = [page(0, joules=joules) for joules in (100, 100, 100, 9100, 9100, 18_100)]
    with serving(*bodies) as url:
        driver = opened(url, page_seconds=0.0)
        (device,) = driver.devices()
        told = [driver.sample(VisibleGpu(device)).energy_counter_joules for _ in range(5)]
    assert told == [None, None, 9100, None, 18_100]


@pytest.mark.parametrize("watts", [100.0, 300.0, 700.0])
def test_energy_follows_the_counter_whatever_the_power_readings_between_say(watts: float) -> None:
    """300 W counted every 30 s, with power readings of another height in between: after each count, what was charged
    is the counter's value, or ahead of it by at most one interval of the readings."""
    meter = EnergyMeter(1, None)
    for second in range(1, 601):
        joules = 300.0 * second if second % 30 == 0 else None
        meter.advance(1.0, readings(second, joules, watts))
        if joules is not None and second > 30:
            since_first_count = meter.measured_joules()["0"] - 29 * watts
            assert -1e-6 <= since_first_count - (joules - 9000.0) <= max(watts - 300.0, 0.0) * 30 + 1e-6
    assert meter.sources() == {"0": "counter"}


def readings(second: int, joules: float | None, watts: float) -> GpuReadings:
    from vllm_costmeter.core.gpu.reading import GpuReading

    gpu = GpuReading("0", 0, uuid(0), "X", power_watts=watts, energy_joules=joules)
    return GpuReadings(True, (gpu,), float(second))


def test_the_driver_is_preferred_and_the_exporter_used_where_there_is_none() -> None:
    """`auto` on a machine without a driver reads the exporter, once its address is set."""
    with serving(page(0)) as url:
        source = server_gpus(None, metrics_url=url, environ={}, interval_seconds=0.02)
        latest = wait_for(source, lambda latest: latest.up)
        source.close()
    assert latest.source == "dcgm"


def test_no_source_is_no_fault() -> None:
    """`gpu_source = none` reads nothing and complains about nothing."""
    source = server_gpus(1, source="none")
    assert (source.latest().up, source.latest().gpus, source.latest().source) == (True, (), None)
    source.close()
