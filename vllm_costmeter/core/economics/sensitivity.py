"""How much of the answer hangs on what nobody knows in advance: utilisation and the price of electricity."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from vllm_costmeter.core.economics.hourly import HourlyCost
from vllm_costmeter.core.economics.plan import unit_price

UTILISATIONS = tuple(Fraction(percent, 100) for percent in (5, 10, 25, 50, 75, 100))
TARIFFS_USD_PER_KWH = tuple(Fraction(cents_, 100) for cents_ in (5, 10, 15, 20, 30, 40))

Range = tuple[Fraction, Fraction]


def by_utilisation(
    cost: HourlyCost, tokens_per_second: Fraction, utilisations: Iterable[Fraction] = UTILISATIONS
) -> dict[Fraction, Range]:
    """USD per million tokens (at least, at most) at each utilisation."""
    return {each: unit_price(cost, tokens_per_second, each) for each in utilisations}


def by_tariff(
    cost: HourlyCost,
    tokens_per_second: Fraction,
    utilisation: Fraction = Fraction(1),
    tariffs: Iterable[Fraction] = TARIFFS_USD_PER_KWH,
) -> dict[Fraction, Range]:
    """USD per million tokens (at least, at most) at each price of electricity; empty for rented cards."""
    if cost.owned is None:
        return {}
    return {each: unit_price(cost.at_tariff(each), tokens_per_second, utilisation) for each in tariffs}
