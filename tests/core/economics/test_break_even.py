"""When a GPU that was bought has cost less than rent."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from vllm_costmeter.core.economics.break_even import BreakEven, break_even
from vllm_costmeter.core.pricing.ownership import OwnedTerms


@pytest.mark.parametrize(
    ("rent", "months", "pays"),
    [("3.00", 12, True), ("2.88", Fraction(25, 2), False), ("6.00", 6, True)],
    ids=["on its last day", "half a month too late", "halfway"],
)
def test_a_purchase_pays_up_to_the_last_day_of_its_life(
    rent: str, months: Fraction | int, pays: bool
) -> None:
    """$3,600 over one year against 100 hours of rent a month, without electricity or overhead."""
    terms = OwnedTerms(Fraction(3600), lifetime_years=Fraction(1))
    found = break_even(terms, Fraction(rent), Fraction(100))
    assert (found.months, found.within_lifetime) == (months, pays)


def test_rent_no_dearer_than_operation_never_pays() -> None:
    terms = OwnedTerms(Fraction(3600), overhead_usd_per_month=Fraction(300))
    assert break_even(terms, Fraction(3), Fraction(100)).months is None


def test_the_purchase_and_the_operation_are_those_of_the_whole_server() -> None:
    """Two GPUs of 1 kW at 0.50 USD per kWh for 100 hours: 100 USD of electricity, 20 of overhead, 320 of rent."""
    terms = OwnedTerms(
        Fraction(3600),
        usd_per_kwh=Fraction(1, 2),
        watts=Fraction(1000),
        idle_watts=Fraction(0),
        overhead_usd_per_month=Fraction(20),
    )
    found = break_even(terms, Fraction("1.6"), Fraction(100), 2)
    assert (found.purchase_usd, found.rent_usd_per_month, found.own_usd_per_month) == (7200, 320, 120)
    assert (found.months, found.hours, found.within_lifetime) == (36, 3600, True)
    half = break_even(terms, Fraction("1.6"), Fraction(100), 2, Fraction(1, 2))
    assert half.own_usd_per_month == 70
    one = break_even(terms, Fraction("1.6"), Fraction(100))
    assert (one.purchase_usd, one.own_usd_per_month) == (3600, 70)


def test_rent_that_equals_operation_never_pays_and_a_cent_more_does() -> None:
    """However late."""
    terms = OwnedTerms(Fraction(3600), overhead_usd_per_month=Fraction(300))
    found = break_even(terms, Fraction("3.01"), Fraction(100))
    assert (found.months, found.within_lifetime) == (3600, False)


@pytest.mark.parametrize(
    ("months", "day"),
    [
        (12, date(2027, 1, 1)),
        (Fraction(12, 365), date(2026, 1, 2)),
        (Fraction(13, 365), date(2026, 1, 3)),
        (1200, date(2125, 12, 8)),
        (1201, None),
        (None, None),
    ],
)
def test_the_date_is_the_first_day_by_which_it_pays(months: Fraction | int | None, day: date | None) -> None:
    """Months are twelfths of 365 days, rounded up to a day; what takes more than a hundred years is never."""
    known = None if months is None else Fraction(months)
    found = BreakEven(None, known, False, Fraction(0), Fraction(0), Fraction(0))
    assert found.on(date(2026, 1, 1)) == day


def test_a_date_after_the_calendars_last_is_none() -> None:
    found = BreakEven(None, Fraction(12), False, Fraction(0), Fraction(0), Fraction(0))
    assert found.on(date(9999, 6, 1)) is None
