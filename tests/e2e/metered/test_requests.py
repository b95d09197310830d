"""What requests cost, on a real server: they share the active cost, whoever ended them."""

from __future__ import annotations

import client
import pytest
from patience import holds_within

from scripts.servers.scrape import Scrape, scrape
from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy


def charged(page: Scrape) -> float:
    """Dollars of requests that ended."""
    return page.total("costmeter_request_cost_usd_sum")


def ended(page: Scrape) -> float:
    """Their number."""
    return page.total("costmeter_request_cost_usd_count")


def test_requests_and_what_is_unattributed_are_the_active_cost(metered: Server) -> None:
    """At every moment of a load with aborts in it; afterwards nearly all of it is attributed, and every request that
    was sent has ended."""
    before = scrape(metered.url)
    client.load(metered.url, requests=40)
    for number in range(3):
        client.abort_midway(metered.url, f"hang up on this one {number}", max_tokens=800)
        page = scrape(metered.url)
        parts = charged(page) + page.total("costmeter_unattributed_usd")
        assert parts == pytest.approx(page.total("costmeter_cost_usd_total", state="active"), abs=1e-12)
    assert holds_within(lambda: ended(scrape(metered.url)) == ended(before) + 43)
    after = scrape(metered.url)
    active = "costmeter_cost_usd_total"
    added = after.total(active, state="active") - before.total(active, state="active")
    unattributed = after.total("costmeter_unattributed_usd") - before.total("costmeter_unattributed_usd")
    assert unattributed < 0.05 * added
    assert abs(after.total("costmeter_unexplained_usd")) < 1e-12
