"""Student's t against published tables."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest

from vllm_costmeter.core.economics.student_t import distribution, quantile


@pytest.mark.parametrize(
    ("probability", "degrees_of_freedom", "t"),
    [  # NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2, and the normal distribution
        (0.95, 1, 6.314),
        (0.99, 1, 31.821),
        (0.99, 2, 6.965),
        (0.975, 4, 2.776),
        (0.99, 8, 2.896),
        (0.95, 10, 1.812),
        (0.999, 30, 3.385),
        (0.99, 100, 2.364),
        (0.99, 1e12, 2.326),
        (0.99, math.inf, 2.326),
        (0.5, 7, 0.0),
    ],
)
def test_quantiles_are_those_of_the_tables(probability: float, degrees_of_freedom: float, t: float) -> None:
    """To the three digits that are printed; below the middle they are mirrored."""
    assert quantile(probability, degrees_of_freedom) == pytest.approx(t, abs=6e-4)
    assert quantile(1 - probability, degrees_of_freedom) == pytest.approx(-t, abs=6e-4)


@pytest.mark.parametrize("t", [0.01, 0.5, 1.0, 1.5, 3.0, 40.0, 1e4, 1e6])
def test_one_two_and_four_degrees_of_freedom_have_closed_forms(t: float) -> None:
    """To twelve digits, in the far tail too: 1/2 + atan(t) / pi, 1/2 + t / 2 / sqrt(2 + t^2), and for four
    1/2 + 3/8 x (u - u^3 / 12) with u = 2 t / sqrt(4 + t^2) (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    u = 2 * t / math.sqrt(4 + t * t)
    expected = {
        1: math.atan(t) / math.pi,
        2: t / 2 / math.sqrt(2 + t * t),
        4: 3 / 8 * (u - u**3 / 12),
    }
    for degrees_of_freedom, above_the_middle in expected.items():
        assert distribution(t, degrees_of_freedom) == pytest.approx(0.5 + above_the_middle, rel=1e-12)
    assert distribution(-t, 1) == pytest.approx(math.atan(1 / t) / math.pi, rel=1e-10)


def test_the_ends_of_the_distribution_are_0_and_1() -> None:
    """Where the square of t is no float any more; and in the middle it is a half."""
    for degrees_of_freedom in (1, 5, math.inf):
        found = [distribution(t, degrees_of_freedom) for t in (-1e200, 0.0, 1e200)]
        assert found == [0, pytest.approx(0.5), 1]


@pytest.mark.parametrize("probability", [0.51, 0.75, 0.9, 0.99, 0.9999])
def test_the_quantiles_of_one_and_two_degrees_have_closed_forms(probability: float) -> None:
    """tan(pi (p - 1/2)) and (2 p - 1) / sqrt(2 p (1 - p)), to ten digits."""
    other = 1 - probability
    assert quantile(probability, 1) == pytest.approx(math.tan(math.pi * (probability - 0.5)), rel=1e-10)
    expected = (2 * probability - 1) / math.sqrt(2 * probability * other)
    assert quantile(probability, 2) == pytest.approx(expected, rel=1e-10)


def test_many_degrees_of_freedom_go_over_into_the_normal_distribution() -> None:
    """Above it by (z^3 + z) / 4 / degrees (Abramowitz and Stegun, 26.7.5), which is nothing from 100 million on."""
    z = NormalDist().inv_cdf(0.99)
    for degrees_of_freedom in (1e3, 1e4, 1e5):
        above = (z**3 + z) / 4 / degrees_of_freedom
        assert quantile(0.99, degrees_of_freedom) - z == pytest.approx(above, rel=0.01)
    for degrees_of_freedom in (9e7, 1e8, 1e9, math.inf):
        assert quantile(0.99, degrees_of_freedom) == pytest.approx(z, rel=1e-7)
        assert distribution(z, degrees_of_freedom) == pytest.approx(0.99, rel=1e-7)


@pytest.mark.parametrize("degrees_of_freedom", [0.7, 1.0, 2.5, 7.3, 40.0, 3000.0])
@pytest.mark.parametrize("probability", [0.01, 0.2, 0.6, 0.9, 0.999])
def test_the_quantile_inverts_the_distribution(probability: float, degrees_of_freedom: float) -> None:
    """Also for the fractions that Satterthwaite's formula gives."""
    assert distribution(quantile(probability, degrees_of_freedom), degrees_of_freedom) == pytest.approx(
        probability
    )


@pytest.mark.parametrize(("probability", "degrees_of_freedom"), [(0.0, 5), (1.0, 5), (0.5, 0), (0.5, -1)])
def test_what_has_no_quantile_is_an_error(probability: float, degrees_of_freedom: float) -> None:
    """Rather than a number."""
    with pytest.raises(ValueError, match=f"no quantile {probability} of t with {degrees_of_freedom} degrees"):
        quantile(probability, degrees_of_freedom)
