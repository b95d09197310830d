"""What a deployment costs and emits, by the hour and by the token."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from vllm_costmeter.core.economics.cost import Cost
from vllm_costmeter.core.pricing.hourly import HourlyCost
from vllm_costmeter.core.pricing.ownership import OwnedTerms

RENTED = HourlyCost(rental_usd=Fraction(2))


def test_a_million_tokens_emit_what_their_seconds_emit() -> None:
    """1000 tokens a second are 3.6 million an hour, which emits 360 g: 100 g for a million."""
    cost = Cost(RENTED, tokens_per_second=Fraction(1000), gco2e_per_hour=Fraction(360))
    assert cost.gco2e_per_million_tokens == 100


@pytest.mark.parametrize("known", [{"tokens_per_second": Fraction(1000)}, {"gco2e_per_hour": Fraction(360)}])
def test_without_a_rate_or_emissions_they_are_unknown(known: dict[str, Any]) -> None:
    assert Cost(RENTED, **known).gco2e_per_million_tokens is None


def test_a_million_tokens_cost_what_their_hours_of_work_cost() -> None:
    """2 USD an hour at 1,000 tokens a second are 0.56 USD per million; half of the time idle, twice that."""
    busy = Cost(RENTED, tokens_per_second=Fraction(1000))
    assert (busy.usd_per_hour(), busy.usd_per_useful_hour()) == (2, (2, 2))
    assert busy.usd_per_million_tokens() == (Fraction(5, 9), Fraction(5, 9))
    half = Cost(RENTED, Fraction(1, 2), Fraction(1000))
    assert half.usd_per_useful_hour() == (4, 4)
    assert half.usd_per_million_tokens("article") == (Fraction(10, 9), Fraction(10, 9))
    assert Cost(RENTED).usd_per_million_tokens() is None


def test_an_unknown_idle_power_makes_a_range() -> None:
    """1 kW at 0.36 USD per kWh: at half use between 0.36 and 0.72 USD per hour of work."""
    owned = OwnedTerms(Fraction(0), usd_per_kwh=Fraction("0.36"), watts=Fraction(1000))
    found = Cost(HourlyCost(owned=owned), Fraction(1, 2), Fraction(1000))
    assert found.usd_per_million_tokens() == (Fraction(1, 10), Fraction(1, 5))
    assert found.usd_per_million_tokens("article") == (Fraction(1, 5), Fraction(1, 5))
