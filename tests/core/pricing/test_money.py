"""Sums of money print exactly."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.money import (
    above_zero,
    at_least_zero,
    cents,
    exact,
    json_number,
    rounded,
    share,
    written,
)

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
    assert json_number(exact("0.0010004")) == 0.001  # four digits are enough
    assert json_number(exact("0.0009996")) == 0.0009996
    assert json_number(exact("0.000123456")) == 0.0001235
    assert json_number(exact("-0.0009996")) == -0.0009996
    assert json_number(exact("0.12345"), 2) == 0.1235


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


def test_nothing_has_no_sign() -> None:
    """Nor has what rounds to nothing."""
    assert written(Fraction(0), 2) == "0.00"
    assert written(Fraction(-1, 1000), 2) == "0.00"
    assert written(Fraction(-1, 2), 2) == "-0.50"


@pytest.mark.parametrize(
    ("text", "value"),
    [("9e18", 9 * 10**18), ("1e-18", Fraction(1, 10**18)), ("0e-99", 0), (" 1 ", 1), ("-2", -2)],
)
def test_a_number_is_read_up_to_a_trillion_million(text: str, value: Fraction | int) -> None:
    """From 18 places behind the point to 18 before it, and nothing in any spelling."""
    assert exact(text) == value


@pytest.mark.parametrize("text", ["1e19", "-1e19", "9e-19"])
def test_a_number_beyond_is_a_typing_error(text: str) -> None:
    """The limits are named."""
    with pytest.raises(ValueError, match=r"^beyond 1e18 or below 1e-18$"):
        exact(text)
    with pytest.raises(BadInputError, match=r"--rate must be .*got '.*' \(beyond 1e18 or below 1e-18\)"):
        at_least_zero(text, "--rate")


def test_what_is_no_number_is_not_explained() -> None:
    """A line that repeats it says enough; of a long one its beginning."""
    for value in (True, "a" * 99, "inf"):
        with pytest.raises(ValueError, match=r"^not a number$"):
            exact(value)
        with pytest.raises(BadInputError) as fault:
            above_zero(value, "--rate")
        assert str(fault.value) == f"--rate must be a number above 0, got {str(value)[:40]!r}"


def test_nothing_is_at_least_nothing_but_not_above_it() -> None:
    """And a negative amount is neither."""
    assert at_least_zero("0", "--rate") == 0
    assert above_zero("0.001", "--rate") == exact("0.001")
    with pytest.raises(BadInputError, match=r"^--rate must be a number above 0, got 0$"):
        above_zero(0, "--rate")
    with pytest.raises(BadInputError, match=r"^--rate must be a number of at least 0, got -0\.1$"):
        at_least_zero("-0.1", "--rate")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("50", "; 50% is a share"),
        ("100", "; 100% is a share"),
        ("100.5", ""),
        ("150%", ""),
        ("1.1", "; 1.1% is a share"),
    ],
)
def test_a_percentage_without_its_sign_is_asked_for(text: str, hint: str) -> None:
    """Up to 100, which may be meant as one."""
    with pytest.raises(BadInputError) as fault:
        share(text, "--utilization")
    said = "--utilization must be above 0 and up to 100 %, such as 50% or 0.5"
    assert str(fault.value) == f"{said}, got {text!r}{hint}"


def test_an_amount_is_written_with_its_digits() -> None:
    """Thousands apart, zeros kept, half a cent up, and no point without digits."""
    assert written(exact("1234567.5"), 2) == "1,234,567.50"
    assert written(exact("1.05"), 3) == "1.050"
    assert written(exact("2764.5"), 0) == "2,765"
    assert written(exact("-1234.005"), 2) == "-1,234.01"
    assert (cents(exact("0.005")), cents(exact("0.0049"))) == (exact("0.01"), 0)
