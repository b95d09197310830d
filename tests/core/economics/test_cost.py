"""Emissions per token follow from those per hour."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from vllm_costmeter.core.economics.cost import Cost
from vllm_costmeter.core.pricing.hourly import HourlyCost

RENTED = HourlyCost(rental_usd=Fraction(2))


def test_a_million_tokens_emit_what_their_seconds_emit() -> None:
    """1000 tokens a second are 3.6 million an hour, which emits 360 g: 100 g for a million."""
    cost = Cost(RENTED, tokens_per_second=Fraction(1000), gco2e_per_hour=Fraction(360))
    assert cost.gco2e_per_million_tokens == 100


@pytest.mark.parametrize("known", [{"tokens_per_second": Fraction(1000)}, {"gco2e_per_hour": Fraction(360)}])
def test_without_a_rate_or_emissions_they_are_unknown(known: dict[str, Any]) -> None:
    assert Cost(RENTED, **known).gco2e_per_million_tokens is None
