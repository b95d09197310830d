"""The meter of a real server over a stand-in NVIDIA driver: only the server's own GPU, and a driver that fails."""

from __future__ import annotations

import json
import urllib.request

import client
import pytest
from clock import usd_per_hour
from counts import counts
from harness import USD_PER_HOUR
from nvml_stand_in import Mood
from patience import holds_within

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy

MIB = 2**20
OF_ONE_CARD = (
    "costmeter_gpu_memory_used_bytes",
    "costmeter_gpu_memory_total_bytes",
    "costmeter_gpu_power_watts",
    "costmeter_gpu_utilization_ratio",
)


def test_only_the_gpu_of_this_server_is_metered(on_a_gpu: tuple[Server, Mood]) -> None:
    """Of two GPUs the one in CUDA_VISIBLE_DEVICES is shown, with what the driver says of it."""
    server, mood = on_a_gpu
    mood.set(used0_mib=111, used1_mib=2222)
    assert holds_within(lambda: scrape(server.url).value("costmeter_gpu_memory_used_bytes") == 2222 * MIB)
    page = scrape(server.url)
    for name in OF_ONE_CARD:
        assert len(page.matching(name)) == 1, name
    assert page.value("costmeter_source_up", source="nvml") == 1


def test_energy_grows_with_the_driver_s_counter(on_a_gpu: tuple[Server, Mood]) -> None:
    """Joules are what the card's own counter added."""
    server, _ = on_a_gpu
    before = scrape(server.url).total("costmeter_energy_joules_total")
    assert holds_within(lambda: scrape(server.url).total("costmeter_energy_joules_total") > before)


def test_the_page_has_the_check_before_the_start(on_a_gpu: tuple[Server, Mood]) -> None:
    """Of this GPU: the parts of its bar, from vLLM's own flags of a real start."""
    server, _ = on_a_gpu
    with urllib.request.urlopen(f"{server.url}/costmeter/data", timeout=20) as answer:
        fit = json.load(answer)["fit"]
    assert fit["verdict"] == "fits"
    assert fit["per_gpu_bytes"]["weights"] == scrape(server.url).value(
        "costmeter_preflight_bytes", part="weights", value="predicted"
    )
    assert fit["engine"]["eplb_config"] is None


@pytest.mark.parametrize("trouble", ["hang", "gpu_lost", "not_loaded"])
def test_a_failing_driver_costs_only_its_own_metrics(on_a_gpu: tuple[Server, Mood], trouble: str) -> None:
    """While the driver hangs or is gone, tokens and dollars go on and GPU metrics are absent; then they come back."""
    server, mood = on_a_gpu
    before, _ = counts(server.url)
    try:
        mood.set(mode=trouble)
        assert holds_within(
            lambda: scrape(server.url).value("costmeter_source_up", source="nvml") == 0, seconds=30
        )
        page = scrape(server.url)
        assert not any(page.has(name) for name in OF_ONE_CARD)
        generated = sum(usage["completion_tokens"] for usage in client.load(server.url, 8))
        assert holds_within(lambda: counts(server.url)[0].since(before).generated == generated)
    finally:
        mood.set(mode="ok")
    assert holds_within(
        lambda: scrape(server.url).value("costmeter_source_up", source="nvml") == 1, seconds=30
    )
    assert scrape(server.url).has("costmeter_gpu_memory_used_bytes")


def test_the_bill_is_not_delayed_by_a_hanging_driver(on_a_gpu: tuple[Server, Mood]) -> None:
    """Dollars are rate x time through a hang."""
    server, mood = on_a_gpu

    def hang_under_load() -> None:
        mood.set(mode="hang")
        client.load(server.url, 40)
        mood.set(mode="ok")

    charged = usd_per_hour(server.url, hang_under_load, at_least_seconds=40)
    assert charged == pytest.approx(USD_PER_HOUR, rel=0.002)
