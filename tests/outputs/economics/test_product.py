"""Printed rates, hours and totals."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from vllm_costmeter.core.pricing.currency import USD, Currency
from vllm_costmeter.core.pricing.money import cents
from vllm_costmeter.outputs.economics.product import product

rates = st.fractions("1/10000", 10_000, max_denominator=10**7)
hours = st.fractions("1/60", 744, max_denominator=60)
currencies = st.just(USD) | st.fractions("1/200", 20, max_denominator=1000).map(
    lambda rate: Currency("EUR", rate)
)


@given(rates, hours | st.integers(1, 744).map(Fraction), currencies)
@example(Fraction("10.743") + Fraction(1, 3000), Fraction(730), USD)
@example(Fraction("0.55"), Fraction(520, 3), USD)
@example(Fraction(1, 3), Fraction("0.015"), USD)
def test_printed_factors_give_the_printed_product(rate: Fraction, time: Fraction, currency: Currency) -> None:
    """Whatever the rate, the hours and the currency, to the cent."""
    shown = product(rate, time, cents(rate * time), currency)
    per_hour, over, total = (Fraction(each.replace(",", "")) for each in shown)
    assert cents(per_hour * over) == total


@given(rates, hours)
def test_printed_factors_are_the_true_ones_rounded(rate: Fraction, time: Fraction) -> None:
    """In dollars no figure is bent to fit, but for a tie of the last digit."""
    per_hour, over, _ = product(rate, time, cents(rate * time), USD)
    for text, true in ((per_hour, rate), (over, time)):
        digits = len(text.partition(".")[2])
        assert abs(Fraction(text.replace(",", "")) - true) <= Fraction(1, 10**digits)


def test_no_more_digits_than_it_takes() -> None:
    """88.00 is 160 x 0.550; two thirds of a month in weeks need a second decimal."""
    assert product(Fraction("0.55"), Fraction(160), Fraction(88), USD) == ("0.550", "160", "88.00")
    assert product(Fraction("0.55"), Fraction(520, 3), Fraction("95.33"), USD) == ("0.550", "173.33", "95.33")
