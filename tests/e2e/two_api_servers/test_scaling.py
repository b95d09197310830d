"""Several API servers share one bill."""

from __future__ import annotations

import client
import pytest
from clock import usd_per_hour
from counts import count_exactly
from harness import USD_PER_HOUR

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy


def test_tokens_add_up_over_api_servers(two_api_servers: Server) -> None:
    """Each API server sees only its own tokens; the page has their sum."""
    count_exactly(two_api_servers.url)


def test_dollars_are_charged_once_over_api_servers(two_api_servers: Server) -> None:
    """Two API servers are one server: the price is charged once."""
    charged = usd_per_hour(
        two_api_servers.url, lambda: client.load(two_api_servers.url, 40), at_least_seconds=40
    )
    assert charged == pytest.approx(USD_PER_HOUR, rel=0.002)


def test_every_state_is_told_once_over_api_servers(two_api_servers: Server) -> None:
    """Gauges do not appear once per process, and load is active wherever it arrives."""
    page = scrape(two_api_servers.url)
    assert len(page.matching("costmeter_price_usd_per_hour", component="rental")) == 1
    assert page.value("costmeter_price_usd_per_hour") == USD_PER_HOUR
    assert page.total("costmeter_cost_usd_total", state="active") > 0
