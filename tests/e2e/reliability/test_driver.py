"""The GPU driver of a serving machine hangs, vanishes, lies or is reset."""

from __future__ import annotations

import time
from collections.abc import Iterator

import nvml_stand_in
import pytest
from harness import METERED, USD_PER_HOUR, Serve
from moments import added, seen
from nvml_stand_in import Mood
from patience import holds_within
from required_tool import required_tool
from under_load import answers, must_be_exact, under_load

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server

from .conftest import Found

pytestmark = pytest.mark.chaos

FAULT_SECONDS = 12
OURS = "nvmlDeviceGetHandleByIndex_v2,nvmlDeviceGetHandleByUUID"
"""What we ask of the driver and vLLM's CPU build does not."""
WELL = {
    "mode": "ok", "lost": -1, "power0_mw": 100_000, "utilization0": 50, "used0_mib": 300,
    "energy0_mj": 10**9, "total0_mib": 24564, "reserved0_mib": 0,
}  # fmt: skip
FAULTS = {
    "NVML hangs in every call": {"mode": "hang"},
    "the driver is unloaded": {"mode": "not_loaded"},
    "the GPU falls off the bus": {"mode": "gpu_lost"},
    "every NVML call fails with an unknown error": {"mode": "unknown"},
    "NVML returns garbage": {
        "power0_mw": -1,
        "utilization0": -1,
        "used0_mib": -1,
        "energy0_mj": -1,
        "total0_mib": -1,
    },
    "the GPU is reset: its counters begin anew": {"energy0_mj": 0, "used0_mib": 0},
}


@pytest.fixture(scope="module")
def on_a_gpu(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Mood]]:
    """A server that sees one GPU through a stand-in driver, which is well."""
    required_tool("gcc")
    folder = nvml_stand_in.build(tmp_path_factory.mktemp("driver"))
    mood = Mood(folder / "mood")
    mood.set(gpus=1, live_energy=1, **WELL)
    env = {"LD_LIBRARY_PATH": str(folder), nvml_stand_in.CONTROL_VARIABLE: str(mood.file)}
    with serve(*METERED, "--no-enable-prefix-caching", env=env) as server:
        yield server, mood


def test_it_hangs_while_a_server_starts(
    serve: Serve, tmp_path_factory: pytest.TempPathFactory, found: Found
) -> None:
    """From the first of our calls on: the server starts, meters at its price, and has readings once the driver answers.
    Where the driver hangs at `nvmlInit`, vLLM itself waits for ever (test_hanging_driver.py)."""
    required_tool("gcc")
    folder = nvml_stand_in.build(tmp_path_factory.mktemp("hanging"))
    mood = Mood(folder / "mood")
    mood.set(gpus=1, live_energy=1, hang_at=OURS, **WELL)
    env = {"LD_LIBRARY_PATH": str(folder), nvml_stand_in.CONTROL_VARIABLE: str(mood.file)}
    with serve(*METERED, "--no-enable-prefix-caching", env=env) as server:
        assert holds_within(lambda: scrape(server.url).has("costmeter_cost_usd_total"), 60)
        before = seen(server)
        with under_load(server.url) as load:
            time.sleep(FAULT_SECONDS)
        during = seen(server)
        assert during.page.value("costmeter_source_up", source="nvml") == 0
        assert load.broken == []
        must_be_exact(server, load)
        took = during.seconds - before.seconds
        usd = added(before, during, "costmeter_cost_usd_total")
        assert usd * 3600 / took == pytest.approx(USD_PER_HOUR, rel=0.02)
        mood.set(hang_at="")
        assert holds_within(lambda: scrape(server.url).has("costmeter_gpu_power_watts"), 60)
    found(
        "NVML hangs while the server starts",
        "no request, token or dollar; GPU readings absent meanwhile",
        requests=load.answered + load.aborted,
        usd_error=usd * 3600 / took / USD_PER_HOUR - 1,
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_tokens_and_dollars_go_on(on_a_gpu: tuple[Server, Mood], fault: str, found: Found) -> None:
    """Responses are the same bytes, tokens exact and dollars the price times the time while the driver is ill; only its
    own readings are missing meanwhile, and they come back."""
    server, mood = on_a_gpu
    assert holds_within(lambda: scrape(server.url).has("costmeter_gpu_power_watts"), 30)
    healthy = answers(server.url)
    before = seen(server)
    try:
        mood.set(**FAULTS[fault])
        with under_load(server.url) as load:
            time.sleep(FAULT_SECONDS)
        assert answers(server.url) == healthy
        during = seen(server)
    finally:
        mood.set(**WELL)
    assert load.broken == []
    must_be_exact(server, load)
    took = during.seconds - before.seconds
    usd = added(before, during, "costmeter_cost_usd_total")
    assert usd * 3600 / took == pytest.approx(USD_PER_HOUR, rel=0.02)
    joules = added(before, during, "costmeter_energy_joules_total")
    assert 0 <= joules <= 100 * (took + 10), "energy that the GPU cannot have drawn"
    assert holds_within(lambda: scrape(server.url).has("costmeter_gpu_power_watts"), 40)
    assert holds_within(lambda: scrape(server.url).value("costmeter_source_up", source="nvml") == 1, 40)
    lost = "no request, token or dollar; GPU readings absent meanwhile"
    found(fault, lost, requests=load.answered + load.aborted, usd_error=usd * 3600 / took / USD_PER_HOUR - 1)
