"""Sensitivity of the cost to utilisation and to the price of electricity."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.economics.plan import Use

UTILISATIONS = tuple(Fraction(percent, 100) for percent in (5, 10, 25, 50, 75, 100))
TARIFFS_USD_PER_KWH = tuple(Fraction(cents_, 100) for cents_ in (5, 10, 15, 20, 30, 40))

Range = tuple[Fraction, Fraction]


def by_utilisation(use: Use, utilisations: Iterable[Fraction] = UTILISATIONS) -> dict[Fraction, Range]:
    """$/M tokens (at least, at most) by utilisation; empty without a token rate."""
    return _known({each: replace(use, utilisation=each) for each in utilisations})


def by_tariff(use: Use, tariffs: Iterable[Fraction] = TARIFFS_USD_PER_KWH) -> dict[Fraction, Range]:
    """$/M tokens (at least, at most) by electricity price; empty for rented GPUs or unknown power."""
    if use.cost.owned is None or not use.cost.owned.watts:
        return {}
    return _known({each: replace(use, cost=use.cost.at_tariff(each)) for each in tariffs})


def _known(uses: dict[Fraction, Use]) -> dict[Fraction, Range]:
    found = {at: use.usd_per_million_tokens_range() for at, use in uses.items()}
    return {at: each for at, each in found.items() if each is not None}
