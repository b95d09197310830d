"""A real server on an owned GPU whose driver says what cannot be."""

from __future__ import annotations

import time
from collections.abc import Iterator

import nvml_stand_in
import pytest
from harness import Serve
from nvml_stand_in import Mood
from patience import holds_within
from required_tool import required_tool

from scripts.servers.scrape import Scrape, scrape
from scripts.servers.vllm_server import Server
from vllm_costmeter.sources.gpu.reader import STALE_SECONDS

pytestmark = pytest.mark.heavy

USD_PER_KWH = 0.3
OWNED = ("--plugin", "costmeter", "--costmeter-purchase-usd", "2000")
OWNED += ("--costmeter-electricity-usd-per-kwh", str(USD_PER_KWH))
WATTS = 100.0
ODD_SECONDS = 6


@pytest.fixture(scope="module")
def owned(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Mood]]:
    """A server on an owned GPU of 100 W whose driver has no energy counter."""
    required_tool("gcc")
    folder = nvml_stand_in.build(tmp_path_factory.mktemp("driver"))
    mood = Mood(folder / "mood")
    mood.set(gpus=1, power0_mw=int(WATTS * 1000), unsupported="nvmlDeviceGetTotalEnergyConsumption")
    env = {"LD_LIBRARY_PATH": str(folder), nvml_stand_in.CONTROL_VARIABLE: str(mood.file)}
    with serve(*OWNED, env=env) as server:
        assert holds_within(
            lambda: scrape(server.url).has("costmeter_energy_source_info", gpu="0", source="power")
        )
        yield server, mood


def electricity_usd(page: Scrape) -> float:
    return page.total("costmeter_cost_usd_total", component="electricity")


def joules(page: Scrape) -> float:
    return page.total("costmeter_energy_joules_total", gpu="0")


@pytest.mark.parametrize("odd", [{"power0_mw": -1}, {"power0_mw": 1_000_000}, {"power0_mw": 0}])
def test_an_impossible_power_is_not_charged_not_shown_and_counted(
    owned: tuple[Server, Mood], odd: dict[str, object]
) -> None:
    """Unsigned -1, more than the GPU may draw, and nothing, for six seconds: what is charged is 100 W for the time, the
    gauge is absent meanwhile, the fault is counted, and the source is down with its reason."""
    server, mood = owned
    began, before = time.monotonic(), scrape(server.url)
    mood.set(**odd)
    try:
        assert holds_within(lambda: not scrape(server.url).has("costmeter_gpu_power_watts"))
        time.sleep(ODD_SECONDS)
        during = scrape(server.url)
    finally:
        mood.set(power0_mw=int(WATTS * 1000))
    assert not during.has("costmeter_gpu_power_watts")
    assert not during.has("costmeter_energy_source_info")
    assert during.value("costmeter_source_up", source="energy") == 0
    assert during.has("costmeter_source_down_info", source="energy", reason="not_measured")
    faults = [page.total("costmeter_errors_total", where="gpu_power") for page in (before, during)]
    assert faults[1] >= faults[0] + 5
    assert holds_within(lambda: scrape(server.url).has("costmeter_gpu_power_watts"))
    ended, after = time.monotonic(), scrape(server.url)
    drawn = joules(after) - joules(before)
    assert WATTS * ODD_SECONDS <= drawn <= WATTS * (ended - began + STALE_SECONDS)
    charged = electricity_usd(after) - electricity_usd(before)
    assert charged == pytest.approx(drawn / 3.6e6 * USD_PER_KWH, rel=1e-9)
    assert after.value("costmeter_source_up", source="energy") == 1


def test_what_was_left_out_is_in_the_log_once(owned: tuple[Server, Mood]) -> None:
    """However often it comes, with the figure and the bound."""
    server, mood = owned
    mood.set(utilization0=-1)
    assert holds_within(
        lambda: scrape(server.url).total("costmeter_errors_total", where="gpu_utilization") > 3
    )
    mood.set(utilization0=50)
    (line,) = [line for line in server.log_text().splitlines() if "utilization of" in line]
    assert "GPU 0: utilization of 4294967295 % is not within 0 to 100 %; discarded and counted" in line
