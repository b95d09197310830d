"""Statistics of paired measurements."""

from __future__ import annotations

import random
import statistics

import pytest

from scripts.bench.paired import differences, median_interval, summary


def test_a_difference_is_a_share_of_the_value_without() -> None:
    """110 against 100 is a tenth more."""
    assert differences([100.0, 200.0], [110.0, 190.0]) == [pytest.approx(0.1), pytest.approx(-0.05)]


@pytest.mark.parametrize(("count", "outside"), [(6, 0), (9, 1), (10, 1), (20, 5), (40, 13), (44, 15)])
def test_the_interval_is_that_of_the_sign_test(count: int, outside: int) -> None:
    """Known order statistics of a median's 95 % interval (Conover, Practical Nonparametric Statistics, table A3)."""
    low, high = median_interval(list(range(count)))
    assert (low, high) == (outside, count - 1 - outside)


def test_the_interval_holds_the_true_median_as_often_as_it_says() -> None:
    """In 95 of 100 experiments at least, for a skewed distribution too."""
    draw = random.Random(1)
    rows = [[draw.expovariate(1.0) for _ in range(44)] for _ in range(400)]
    true_median = 0.6931
    held = [low <= true_median <= high for low, high in map(median_interval, rows)]
    assert statistics.fmean(held) >= 0.93


def test_a_summary_has_median_confidence_and_quartiles() -> None:
    """What the page prints."""
    assert summary([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07]) == {
        "median": 0.04,
        "confidence": [0.01, 0.07],
        "quartiles": [0.02, 0.06],
    }
