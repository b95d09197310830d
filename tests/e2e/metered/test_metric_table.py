"""What /metrics shows on a machine without a GPU: everything that needs none, and nothing that does."""

from __future__ import annotations

import subprocess

import client
import pytest
from patience import holds_within
from required_tool import required_tool

from scripts.servers.scrape import Scrape, scrape
from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy

WITHOUT_A_GPU = (
    "costmeter_cost_usd_total",
    "costmeter_gpu_seconds_total",
    "costmeter_phase_cost_usd_total",
    "costmeter_tokens_total",
    "costmeter_usd_per_million_tokens",
    "costmeter_tokens_per_second",
    "costmeter_price_usd_per_hour",
    "costmeter_price_info",
    "costmeter_kv_cache_capacity_tokens",
    "costmeter_kv_cache_usage_ratio",
    "costmeter_request_cost_usd_bucket",
    "costmeter_request_cost_usd_count",
    "costmeter_request_cost_usd_sum",
    "costmeter_unattributed_usd",
    "costmeter_unexplained_usd",
    "costmeter_last_token_timestamp_seconds",
    "costmeter_start_seconds",
    "costmeter_source_up",
    "costmeter_build_info",
)
NEEDS_A_GPU = (
    "costmeter_active_energy_joules_total",
    "costmeter_phase_energy_joules_total",
    "costmeter_request_energy_joules_count",
    "costmeter_energy_joules_total",
    "costmeter_gpu_memory_used_bytes",
    "costmeter_gpu_memory_total_bytes",
    "costmeter_gpu_power_watts",
    "costmeter_gpu_utilization_ratio",
    "costmeter_gpu_process_memory_bytes",
)


@pytest.fixture(scope="module")
def page(metered: Server) -> Scrape:
    """The page a moment after some traffic."""
    client.load(metered.url, requests=8)
    holds_within(
        lambda: scrape(metered.url).has("costmeter_usd_per_million_tokens", per="decode", window="1m")
    )
    return scrape(metered.url)


@pytest.mark.parametrize("name", WITHOUT_A_GPU)
def test_what_needs_no_gpu_is_there(page: Scrape, name: str) -> None:
    """Every metric of the table that can be known without a GPU has a sample."""
    assert page.has(name)


@pytest.mark.parametrize("name", NEEDS_A_GPU)
def test_what_needs_a_gpu_is_absent_without_one(page: Scrape, name: str) -> None:
    """A metric that cannot be known has no sample, not a zero."""
    assert not page.has(name)


def test_sources_say_whether_they_are_up(page: Scrape) -> None:
    """NVML is down here and says so; the price and the engine are up."""
    up = {sample.labels["source"]: sample.value for sample in page.matching("costmeter_source_up")}
    assert up == {"nvml": 0, "price": 1, "engine": 1, "ledger": 1}


def test_prices_come_in_every_definition_and_window(page: Scrape) -> None:
    """Four definitions over four windows."""
    for per in ("all", "generated", "prefill", "decode"):
        for window in ("1m", "5m", "1h", "total"):
            value = page.value("costmeter_usd_per_million_tokens", per=per, window=window)
            assert value is not None, (per, window)
            assert value > 0, (per, window)


def test_labels_name_the_model_and_the_price(page: Scrape) -> None:
    """Samples carry the served name, and the price says where it comes from."""
    assert page.has("costmeter_tokens_total", model_name="tiny", kind="generated")
    assert page.has("costmeter_cost_usd_total", model_name="tiny", component="rental")
    assert page.has("costmeter_price_info", basis="rental")


def test_nothing_failed(page: Scrape) -> None:
    """After all this traffic the meter counts no error of its own."""
    assert page.total("costmeter_errors_total") == 0


def test_promtool_has_no_complaint(page: Scrape) -> None:
    """Prometheus' own linter accepts every costmeter_ line."""
    ours = [line for line in page.text.splitlines() if "costmeter_" in line.split("{")[0]]
    checked = subprocess.run(
        [required_tool("promtool"), "check", "metrics"],
        input="\n".join(ours) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout + checked.stderr == ""
    assert checked.returncode == 0
