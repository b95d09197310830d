"""How many of a layer's experts a batch of tokens chooses, if some are chosen more often than others.

The chances lie evenly on a logarithmic scale, the largest `SPREAD` times the smallest. NVIDIA timed experts under such
a power law and under equal chances (aiconfigurator 0.12.0, `power_law_1.01` and `balanced`): the ratio of both timings,
8 to 256 tokens on 128 to 384 experts, gives the spread; its shares are met within a tenth (root mean square).
"""

from __future__ import annotations

import math

SPREAD = 12.0
POINTS = 12
"""Of the average over the experts."""
_LEAST = math.log(SPREAD) / (SPREAD - 1)
WEIGHTS = tuple(_LEAST * SPREAD ** ((point + 0.5) / POINTS) for point in range(POINTS))
"""Chances of experts over the mean chance."""


def chosen_share(tokens: float, experts: int, per_token: int) -> float:
    """Of the experts, that at least one of `tokens` chooses: an expert with chance p is left out by (1 - p)^tokens."""
    mean = per_token / experts
    left: float = sum((1 - min(1.0, mean * weight)) ** tokens for weight in WEIGHTS)
    return 1 - left / POINTS
