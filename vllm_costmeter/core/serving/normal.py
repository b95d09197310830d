"""Quantiles of the normal distribution."""

from __future__ import annotations

from statistics import NormalDist

_STANDARD = NormalDist()


def normal_quantile(share: float) -> float:
    """The number of standard deviations that this share of a normal variable stays below."""
    return _STANDARD.inv_cdf(share)
