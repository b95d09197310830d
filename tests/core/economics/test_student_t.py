"""Student's t against published tables."""

from __future__ import annotations

import math

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
    with pytest.raises(ValueError, match="no quantile"):
        quantile(probability, degrees_of_freedom)
