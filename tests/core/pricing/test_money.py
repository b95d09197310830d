"""Sums of money print exactly."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.currency import USD, currency
from vllm_costmeter.core.pricing.money import above_zero, exact, json_number, rounded, share, written

amounts = st.decimals(-(10**9), 10**9, places=6).map(str)


def test_ten_cents_and_twenty_are_thirty() -> None:
    """The surprise of floats does not happen, from text or from a float."""
    assert exact("0.1") + exact("0.2") == exact("0.3")
    assert exact(0.1) + exact(0.2) == exact(0.3)


@given(amounts, st.integers(0, 4))
def test_rounding_is_the_schoolbooks(text: str, digits: int) -> None:
    """Half away from zero, as Python's decimal does it."""
    places = Decimal(1).scaleb(-digits)
    assert Decimal(str(rounded(exact(text), digits).numerator)) / rounded(
        exact(text), digits
    ).denominator == Decimal(text).quantize(places, ROUND_HALF_UP)


@given(st.lists(amounts.map(lambda text: rounded(exact(text), 2)), max_size=20))
def test_printed_lines_add_up_to_the_printed_total(lines: list[Fraction]) -> None:
    """Cents that are printed and read again sum to what is printed as their sum."""
    read = [exact(written(line, 2).replace(",", "")) for line in lines]
    assert written(sum(read, Fraction(0)), 2) == written(sum(lines, Fraction(0)), 2)


@given(amounts)
def test_a_written_amount_is_read_back(text: str) -> None:
    """Six digits go out and come back the same, in text and in JSON."""
    assert exact(written(exact(text), 6).replace(",", "")) == exact(text)
    assert exact(json_number(exact(text))) == exact(text)


def test_a_small_amount_is_not_rounded_away() -> None:
    """A token's price and the rate of a small currency keep three digits that count."""
    assert json_number(exact("0.00000002")) == 2e-8
    assert json_number(exact("0.0000394")) == 3.94e-5
    assert json_number(Fraction(1, 3)) == 0.333333
    assert json_number(Fraction(0)) == 0.0


@pytest.mark.parametrize("text", ["", "abc", "nan", "inf", "1e999", "1e-999", "0", "-1", "1,5"])
def test_what_is_no_amount_is_said_in_one_line(text: str) -> None:
    """The line names the argument and repeats what was given."""
    with pytest.raises(BadInputError, match="--rate must be a number above 0"):
        above_zero(text, "--rate")


@pytest.mark.parametrize(
    ("text", "value"), [("50%", "0.5"), ("0.5", "0.5"), ("100%", "1"), ("1", "1"), ("12.5 %", "0.125")]
)
def test_a_share_is_written_either_way(text: str, value: str) -> None:
    """Percent or a fraction."""
    assert share(text, "--utilization") == exact(value)


@pytest.mark.parametrize("text", ["0", "0%", "150%", "1.5", "-5%", "50", "half"])
def test_no_share_is_outside_its_range(text: str) -> None:
    """0 and 150 % are refused, and a bare 50 is not taken for a fraction."""
    with pytest.raises(BadInputError, match="--utilization must be above 0 and up to 100 %"):
        share(text, "--utilization")


def test_another_currency_needs_a_rate() -> None:
    """No rate is built in: none stays true."""
    assert currency(None, None) is USD
    assert currency("eur", exact("1.08")).shown(exact("2.16")) == 2
    for code, rate in (("EUR", None), ("EURO", exact(1)), ("USD", exact(2))):
        with pytest.raises(BadInputError):
            currency(code, rate)


def test_nothing_has_no_sign() -> None:
    """Nor has what rounds to nothing."""
    assert written(Fraction(0), 2) == "0.00"
    assert written(Fraction(-1, 1000), 2) == "0.00"
    assert written(Fraction(-1, 2), 2) == "-0.50"
