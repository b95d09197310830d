"""Dollars are rate x time, whatever the server does."""

from __future__ import annotations

import client
import pytest
from clock import usd_per_hour
from harness import USD_PER_HOUR
from patience import holds_within

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy

WITHIN = 0.001


def test_the_bill_is_rate_times_time_through_load_and_idleness(metered: Server) -> None:
    """Over a minute with traffic in its middle, dollars per hour are the price, to a part in a thousand."""
    charged = usd_per_hour(metered.url, lambda: client.load(metered.url, requests=100))
    assert charged == pytest.approx(USD_PER_HOUR, rel=WITHIN)


def test_load_is_active_and_silence_is_idle(metered: Server) -> None:
    """Traffic moves the active state and silence the idle one; the phases divide what was active."""
    before = scrape(metered.url)
    client.load(metered.url, requests=60, max_tokens=200)
    assert holds_within(
        lambda: (
            scrape(metered.url).total("costmeter_cost_usd_total", state="active")
            > before.total("costmeter_cost_usd_total", state="active")
        )
    )
    after_load = scrape(metered.url)
    assert holds_within(
        lambda: (
            scrape(metered.url).total("costmeter_cost_usd_total", state="idle")
            > after_load.total("costmeter_cost_usd_total", state="idle")
        )
    )
    page = scrape(metered.url)
    active = page.total("costmeter_cost_usd_total", state="active")
    assert page.total("costmeter_phase_cost_usd_total") == pytest.approx(active, rel=1e-6)


def test_dollars_are_gpu_seconds_at_the_price(metered: Server) -> None:
    """Every state's dollars are its GPU seconds times the hourly price."""
    page = scrape(metered.url)
    for state in ("active", "idle"):
        hours = page.total("costmeter_gpu_seconds_total", state=state) / 3600
        assert page.total("costmeter_cost_usd_total", state=state) == pytest.approx(
            hours * USD_PER_HOUR, rel=1e-6
        )


def test_running_prices_are_the_bill_divided_by_tokens(metered: Server) -> None:
    """`per="all"` and `per="generated"` since start are the whole bill over the tokens it bought."""
    client.load(metered.url, requests=4, max_tokens=8)
    page = scrape(metered.url)
    bill = page.total("costmeter_cost_usd_total")
    tokens = page.total("costmeter_tokens_total")
    generated = page.total("costmeter_tokens_total", kind="generated")
    per = {
        name: page.value("costmeter_usd_per_million_tokens", per=name, window="total")
        for name in ("all", "generated")
    }
    assert per["all"] == pytest.approx(bill / tokens * 1e6, rel=0.05)
    assert per["generated"] == pytest.approx(bill / generated * 1e6, rel=0.05)
