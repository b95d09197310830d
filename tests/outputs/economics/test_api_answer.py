"""Own serving beside APIs."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

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


def test_break_even_per_day_needs_the_paid_hours_and_utilisation_the_rate() -> None:
    """And a load above the full rate is said to be out of reach."""
    rows, today = prices_of(api_prices(), "Qwen3-32B", "deepinfra"), date(2026, 11, 26)
    tokens, usd = ServedTokens(9_000_000, 0, 1_000_000), Fraction(48)
    known = [
        OwnServing(tokens, usd, "stated"),
        OwnServing(tokens, usd, "stated", Fraction(24)),
        OwnServing(tokens, usd, "stated", Fraction(24), Fraction(10)),
    ]
    names = ("break_even_tokens_per_day", "break_even_utilization_ratio")
    apis = [api_answer.values(own, rows, "m", today)["apis"][0] for own in known]
    assert [[name in api for name in names] for api in apis] == [[False, False], [True, False], [True, True]]
    assert "the API stays cheaper" in api_answer.section(known[2], rows, "m", USD, today).notes[0]
