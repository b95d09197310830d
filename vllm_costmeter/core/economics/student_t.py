"""Student's t distribution, for any number of degrees of freedom above 0, also a fraction.

The distribution function is the regularized incomplete beta function (NIST Digital Library of Mathematical
Functions, 8.17), evaluated by its continued fraction 8.17.22 with the modified Lentz method (Press et al.,
Numerical Recipes, 3rd edition, 6.4). The quantile is found by Newton's method from the normal quantile, which lies
below it: the distribution is concave above 0, so that no step goes too far.
"""

from __future__ import annotations

import math
from statistics import NormalDist

_SMALLEST = 1e-300
_PRECISION = 1e-14
_MOST_TERMS = 10_000
_MOST_STEPS = 200
_NORMAL_ABOVE = 1e8
"""Degrees of freedom beyond which t is the normal distribution to eight digits."""


def quantile(probability: float, degrees_of_freedom: float) -> float:
    """The t that a variable of this distribution stays below with `probability`, between 0 and 1.

    Infinite degrees of freedom are the normal distribution. ValueError outside the ranges.
    """
    if not 0 < probability < 1 or not degrees_of_freedom > 0:
        raise ValueError(f"no quantile {probability} of t with {degrees_of_freedom} degrees of freedom")
    if degrees_of_freedom > _NORMAL_ABOVE:
        return NormalDist().inv_cdf(probability)
    if probability < 0.5:
        return -quantile(1 - probability, degrees_of_freedom)
    t = NormalDist().inv_cdf(probability)
    for _ in range(_MOST_STEPS):
        step = (probability - distribution(t, degrees_of_freedom)) / _density(t, degrees_of_freedom)
        t += step
        if abs(step) <= 1e-12 * (1 + t):
            break
    return t


def _density(t: float, degrees_of_freedom: float) -> float:
    half = degrees_of_freedom / 2
    front = math.exp(math.lgamma(half + 0.5) - math.lgamma(half)) / math.sqrt(degrees_of_freedom * math.pi)
    return front * math.exp(-(half + 0.5) * math.log1p(t * t / degrees_of_freedom))


def distribution(t: float, degrees_of_freedom: float) -> float:
    """The probability that a variable of this distribution is at most `t`."""
    if degrees_of_freedom > _NORMAL_ABOVE:
        return NormalDist().cdf(t)
    tail = (
        _incomplete_beta(degrees_of_freedom / (degrees_of_freedom + t * t), degrees_of_freedom / 2, 0.5) / 2
    )
    return 1 - tail if t > 0 else tail


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), regularized."""
    if x <= 0:
        return 0.0
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly: I_x(a, b) = 1 - I_1-x(b, a)
        return 1 - _incomplete_beta(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a * _continued_fraction(x, a, b)


def _continued_fraction(x: float, a: float, b: float) -> float:
    """1 / (1 + d1 / (1 + d2 / (1 + ...))) with the coefficients of DLMF 8.17.23."""
    value, c, d = 1.0, 1.0, 0.0
    for term in range(1, _MOST_TERMS):
        m = term // 2
        if term % 2:
            factor = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            factor = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / _not_zero(1 + factor * d)
        c = _not_zero(1 + factor / c)
        value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return 1 / value


def _not_zero(value: float) -> float:
    return value if abs(value) > _SMALLEST else _SMALLEST
