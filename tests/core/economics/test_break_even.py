"""When a GPU that was bought has cost less than rent."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vllm_costmeter.core.economics.break_even import break_even
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
