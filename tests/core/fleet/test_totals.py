"""Servers together."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.fleet.reading import ServerReading, ServerRow
from vllm_costmeter.core.fleet.totals import totals_of

BUSY = ServerReading(
    tokens_per_second=1000.0,
    usd_per_hour=3.0,
    usd_per_million=0.8,
    total_usd=30.0,
    idle_usd=6.0,
    joules=200.0,
    tokens_since_start=100.0,
)
IDLE = ServerReading(tokens_per_second=0.0, usd_per_hour=1.0, total_usd=10.0, idle_usd=10.0)
UNPRICED = ServerReading(tokens_per_second=500.0, tokens_since_start=900.0)


def rows(*readings: ServerReading | None) -> list[ServerRow]:
    """Servers with these readings."""
    return [ServerRow(f"gpu-{n}:8000", each, None if each else "down") for n, each in enumerate(readings)]


def test_the_price_per_token_has_the_dollars_of_idle_servers() -> None:
    """What 1,000 tokens a second cost at 0.8 $ per million, and 1 $ an hour for none."""
    assert totals_of(rows(BUSY, IDLE)).usd_per_million == pytest.approx(0.8 + 1 / 3600 / 1000 * 1e6)


def test_one_server_alone_has_its_own_price_per_token() -> None:
    """The line of totals says what the row above it says, also where the price of now is not that of the window."""
    assert totals_of(rows(BUSY)).usd_per_million == pytest.approx(BUSY.usd_per_million)


def test_a_ratio_is_of_the_servers_that_publish_both_its_parts() -> None:
    """Tokens without a price make no token cheaper, and tokens without energy none more frugal."""
    alone, together = totals_of(rows(BUSY, IDLE)), totals_of(rows(BUSY, IDLE, UNPRICED, None))
    assert together.usd_per_million == alone.usd_per_million
    assert together.joules_per_token == alone.joules_per_token == 2.0
    assert together.idle_share == alone.idle_share == 16 / 40
    assert together.tokens_per_second == 1500.0
    assert (together.up, together.servers) == (3, 4)


def test_nothing_known_is_not_zero() -> None:
    """Neither of no server nor of one that says nothing."""
    for nothing in (totals_of([]), totals_of(rows(None)), totals_of(rows(ServerReading()))):
        assert nothing.total_usd is nothing.usd_per_hour is nothing.tokens_per_second is None
        assert nothing.usd_per_million is nothing.idle_share is nothing.joules_per_token is None


def test_a_fleet_that_serves_nothing_has_no_price_per_token() -> None:
    """Dollars over no tokens are no number."""
    assert totals_of(rows(IDLE)).usd_per_million is None
