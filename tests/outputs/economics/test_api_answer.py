"""Own serving beside APIs."""

from __future__ import annotations

from datetime import date

from vllm_costmeter.core.pricing.api_price import ServedTokens, prices_of
from vllm_costmeter.core.pricing.currency import USD
from vllm_costmeter.outputs.economics import api_answer
from vllm_costmeter.outputs.economics.api_answer import OwnServing
from vllm_costmeter.sources.catalogue.api_prices import api_prices


def test_an_api_price_is_shown_with_its_age() -> None:
    """Once it is older than 90 days, in the table and in JSON."""
    rows = prices_of(api_prices(), "Qwen3-32B", "deepinfra")
    own = OwnServing(ServedTokens(1, 0, 1), None, "stated")
    fresh, old = date(2026, 11, 26), date(2027, 3, 1)
    assert api_answer.section(own, rows, "m", USD, fresh).rows[0][5] == "2026-11"
    assert api_answer.section(own, rows, "m", USD, old).rows[0][5] == "2026-11 (stale: 120 days old)"
    assert [api_answer.values(own, rows, "m", day)["apis"][0]["stale"] for day in (fresh, old)] == [
        False,
        True,
    ]
