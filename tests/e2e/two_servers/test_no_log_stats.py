"""Time is charged and tokens are counted where vLLM keeps no statistics: `--disable-log-stats`, switched on by the
environment alone."""

from __future__ import annotations

import client
import pytest
from clock import usd_per_hour
from counts import counts
from harness import USD_PER_HOUR
from patience import holds_within

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy


def test_the_bill_runs_on_where_vllm_keeps_no_statistics(without_log_stats: Server) -> None:
    """With --disable-log-stats and switched on by VLLM_PLUGINS alone, time is charged the same."""
    charged = usd_per_hour(without_log_stats.url, lambda: client.load(without_log_stats.url, requests=40))
    assert charged == pytest.approx(USD_PER_HOUR, rel=0.001)


def test_tokens_are_exact_where_vllm_keeps_no_statistics(without_log_stats: Server) -> None:
    """With --disable-log-stats, generated tokens still equal the clients' usage."""
    before = counts(without_log_stats.url)[0]
    generated = sum(usage["completion_tokens"] for usage in client.load(without_log_stats.url, requests=20))
    assert holds_within(lambda: counts(without_log_stats.url)[0].since(before).generated == generated)


def test_the_environment_alone_switches_the_meter_on(without_log_stats: Server) -> None:
    """`VLLM_PLUGINS=costmeter` works as well as the flag, at the price that the environment names."""
    page = scrape(without_log_stats.url)
    assert page.value("costmeter_price_usd_per_hour") == USD_PER_HOUR
    assert page.value("costmeter_source_up", source="price") == 1
