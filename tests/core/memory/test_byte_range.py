"""A number of bytes and the range around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.memory.byte_range import GIB, ByteRange, exactly, gib

ONE, TWO = ByteRange(10, 1, 20, "one"), ByteRange(8, 4, 30, "two")


@pytest.mark.parametrize(("low", "usual", "high"), [(0, 0, 0), (-3, 0, 0), (5, 5, 5), (4, 5, 6)])
def test_the_value_may_lie_at_an_end_and_the_low_end_below_zero(low: int, usual: int, high: int) -> None:
    """Memory that others give back meanwhile counts in favour."""
    assert ByteRange(usual, low, high, "").low_bytes == low


@pytest.mark.parametrize(("low", "usual", "high"), [(6, 5, 7), (4, 5, 4), (6, 5, 4), (-3, -1, 2)])
def test_an_estimate_outside_its_range_is_a_mistake(low: int, usual: int, high: int) -> None:
    """The constructor holds low <= value <= high and a value of at least 0."""
    with pytest.raises(ValueError, match=f"lies in its range, got {low}, {usual}, {high}"):
        ByteRange(usual, low, high, "")


@given(st.integers(0, 1 << 50))
def test_an_exact_estimate_has_no_range(value: int) -> None:
    """Both ends are the value."""
    assert exactly(value, "x").low_bytes == exactly(value, "x").high_bytes == value


def test_a_gibibyte_is_1024_cubed() -> None:
    """And fractions are rounded to a whole byte."""
    assert GIB == gib(1) == 1_073_741_824
    assert gib(0.3) == 322_122_547
    assert gib(-0.5) == -536_870_912


def test_a_sum_adds_end_by_end() -> None:
    """With both rules."""
    assert ONE.plus(TWO) == ByteRange(18, 5, 50, "one; two")


def test_of_two_peaks_the_larger_counts_end_by_end() -> None:
    """The rule is that of the larger usual value, and the first one's where they are equal."""
    assert ONE.at_least(TWO) == TWO.at_least(ONE) == ByteRange(10, 4, 30, "one")
    assert ONE.at_least(exactly(10, "another")).rule == "one"
