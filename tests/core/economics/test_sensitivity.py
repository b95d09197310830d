"""What a token costs at other utilisations and other prices of electricity."""

from __future__ import annotations

from fractions import Fraction

from vllm_costmeter.core.economics.plan import Use
from vllm_costmeter.core.economics.sensitivity import (
    TARIFFS_USD_PER_KWH,
    UTILISATIONS,
    by_tariff,
    by_utilisation,
)
from vllm_costmeter.core.pricing.hourly import HourlyCost, rented
from vllm_costmeter.core.pricing.ownership import OwnedTerms

RENTED = Use("a GPU", rented("3.6"), Fraction(100), tokens_per_second=Fraction(1000))
OWNED = Use(
    "a GPU",
    HourlyCost(owned=OwnedTerms(Fraction(0), watts=Fraction(1000), usd_per_kwh=Fraction(1))),
    Fraction(100),
    tokens_per_second=Fraction(1000),
)


def test_a_rented_gpu_costs_a_token_twice_as_much_at_half_the_use() -> None:
    """3.60 USD per hour and 1,000 tokens per second are 1 USD per million, at the six utilisations that are shown."""
    assert tuple(map(Fraction, ("0.05", "0.1", "0.25", "0.5", "0.75", "1"))) == UTILISATIONS
    expected = (Fraction(20), Fraction(10), Fraction(4), Fraction(2), Fraction(4, 3), Fraction(1))
    assert by_utilisation(RENTED) == {at: (usd, usd) for at, usd in zip(UTILISATIONS, expected, strict=True)}


def test_an_owned_gpu_costs_a_token_in_proportion_to_the_tariff() -> None:
    """1 kW for 3.6 million tokens an hour, at the six tariffs that are shown, whatever the plan's own."""
    assert tuple(map(Fraction, ("0.05", "0.1", "0.15", "0.2", "0.3", "0.4"))) == TARIFFS_USD_PER_KWH
    found = by_tariff(OWNED)
    assert found == {each: (each / Fraction("3.6"),) * 2 for each in TARIFFS_USD_PER_KWH}


def test_what_does_not_depend_on_it_has_no_table() -> None:
    """Rent includes electricity, and without a rate there is no price of a token."""
    assert by_tariff(RENTED) == {}
    nameless = Use("a GPU", rented("3.6"), Fraction(100))
    assert (by_utilisation(nameless), by_tariff(nameless)) == ({}, {})
