"""What a row of paired measurements says: the median difference, how sure that is, and how far single pairs scatter."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

CONFIDENCE = 0.95


def differences(without: Sequence[float], with_: Sequence[float]) -> list[float]:
    """Each pair's difference as a share of the value without."""
    return [metered / plain - 1 for plain, metered in zip(without, with_, strict=True)]


def summary(shares: Sequence[float]) -> dict[str, Any]:
    """Median, its confidence interval, and quartiles, of at least six differences for an interval of 95 %."""
    low, _, high = statistics.quantiles(shares, n=4)
    return {
        "median": statistics.median(shares),
        "confidence": list(median_interval(shares)),
        "quartiles": [low, high],
    }


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Bounds between which the true median lies with at least this confidence, whatever the distribution.

    The order statistics of the sign test: as many values lie below the median as heads fall in as many tosses. With too
    few values for the confidence, the smallest and the largest.
    """
    ordered, count = sorted(values), len(values)
    outside = 0
    below = 0.0
    while below + math.comb(count, outside) / 2**count <= (1 - confidence) / 2:
        below += math.comb(count, outside) / 2**count
        outside += 1
    outside = max(outside - 1, 0)
    return ordered[outside], ordered[count - 1 - outside]
