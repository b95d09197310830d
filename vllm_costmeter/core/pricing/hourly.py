"""What a deployment costs by the hour, rented or owned, and per hour in which it is useful."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.money import exact, rounded
from vllm_costmeter.core.pricing.price import HOURS_PER_MONTH, HOURS_PER_YEAR

Convention = Literal["exact", "article"]
"""exact: nothing is rounded before the end, and electricity follows the power really drawn. article: as the RTX 4090
against H100 comparison of 25 May 2026 prints it: components to a tenth of a cent, and the whole rate divided by the
utilisation, as if an idle card drew its full power."""

ARTICLE_DIGITS = 3


@dataclass(frozen=True, slots=True)
class OwnedTerms:
    """What owning one card takes. Overhead and power are per card too."""

    purchase_usd: Fraction
    lifetime_years: Fraction = Fraction(3)
    residual_usd: Fraction = Fraction(0)
    usd_per_kwh: Fraction | None = None
    """None: nobody said, and electricity is no part of any figure."""
    watts: Fraction = Fraction(0)
    """Drawn while the card works."""
    idle_watts: Fraction | None = None
    """Drawn while it waits; None: nobody measured it, and a figure that depends on it becomes a range."""
    pue: Fraction = Fraction(1)
    overhead_usd_per_month: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if self.residual_usd > self.purchase_usd:
            raise BadInputError(
                f"a residual value of {float(self.residual_usd):g} USD exceeds the purchase price "
                f"{float(self.purchase_usd):g}: a card does not gain value"
            )
        if self.lifetime_years <= 0:
            raise BadInputError("a lifetime of 0 years; give the years over which the card is written off")
        if self.pue < 1:
            raise BadInputError("--pue must be at least 1: it is the building's energy over the cards'")
        if self.idle_watts is not None and self.idle_watts > self.watts:
            raise BadInputError("--idle-watts exceeds --watts: an idle card draws no more than a busy one")

    @property
    def depreciation_usd_per_hour(self) -> Fraction:
        """Straight line over the whole life, busy or not."""
        return (self.purchase_usd - self.residual_usd) / (self.lifetime_years * HOURS_PER_YEAR)

    @property
    def overhead_usd_per_hour(self) -> Fraction:
        return self.overhead_usd_per_month / HOURS_PER_MONTH

    def electricity_usd(
        self, hours: Fraction, utilisation: Fraction = Fraction(1)
    ) -> tuple[Fraction, Fraction]:
        """Of `hours` switched on, at work in `utilisation` of them: (at least, at most).

        Where the idle draw is unknown the least is none and the most the full one.
        """
        per_watt_hour = self.pue * (self.usd_per_kwh or Fraction(0)) / 1000
        busy = self.watts * hours * utilisation
        waiting = hours * (1 - utilisation)
        idle = (Fraction(0), self.watts) if self.idle_watts is None else (self.idle_watts, self.idle_watts)
        low, high = (per_watt_hour * (busy + watts * waiting) for watts in idle)
        return low, high


@dataclass(frozen=True, slots=True)
class HourlyCost:
    """A deployment of `cards` cards: rented at `rental_usd`, or owned on `owned` terms."""

    cards: int = 1
    rental_usd: Fraction | None = None
    """The whole deployment, per hour."""
    owned: OwnedTerms | None = None

    def __post_init__(self) -> None:
        if (self.rental_usd is None) == (self.owned is None):
            raise ValueError("a deployment is either rented or owned")

    @property
    def basis(self) -> Literal["rented", "owned"]:
        return "rented" if self.owned is None else "owned"

    def components(self, convention: Convention = "exact") -> Mapping[str, Fraction]:
        """USD per hour by component while every card works."""
        if self.owned is None:
            assert self.rental_usd is not None
            return {"rental": self.rental_usd}
        found = {"depreciation": self.owned.depreciation_usd_per_hour}
        if self.owned.usd_per_kwh is not None:
            found["electricity"] = self.owned.electricity_usd(Fraction(1))[1]
        found["overhead"] = self.owned.overhead_usd_per_hour
        if convention == "article":
            found = {name: rounded(usd, ARTICLE_DIGITS) for name, usd in found.items()}
        return {name: usd * self.cards for name, usd in found.items()}

    def usd_per_hour(self, convention: Convention = "exact") -> Fraction:
        """While every card works."""
        return sum(self.components(convention).values(), Fraction(0))

    def usd_per_useful_hour(
        self, utilisation: Fraction, convention: Convention = "exact"
    ) -> tuple[Fraction, Fraction]:
        """What an hour of work costs when the cards work `utilisation` of the time: (at least, at most).

        Rent, depreciation and overhead run on while the cards wait. Electricity does too, at the idle draw. The
        article's convention is the most of its range.
        """
        hours = 1 / utilisation
        if self.owned is None or convention == "article":
            total = self.usd_per_hour(convention) * hours
            return total, total
        return self.owned_usd(hours, hours, utilisation)

    def owned_usd(
        self, lasting: Fraction, hours: Fraction, utilisation: Fraction
    ) -> tuple[Fraction, Fraction]:
        """All owned cards over `lasting` hours of their life, `hours` of which they are switched on: (at least, at
        most)."""
        assert self.owned is not None
        still = (self.owned.depreciation_usd_per_hour + self.owned.overhead_usd_per_hour) * lasting
        low, high = self.owned.electricity_usd(hours, utilisation)
        return (still + low) * self.cards, (still + high) * self.cards

    @property
    def lacks_electricity(self) -> bool:
        """Whether these are owned cards whose electricity nobody priced."""
        return self.owned is not None and self.owned.usd_per_kwh is None

    def at_tariff(self, usd_per_kwh: Fraction) -> HourlyCost:
        """The same deployment at another price of electricity; a rented one does not change."""
        owned = self.owned
        return self if owned is None else replace(self, owned=replace(owned, usd_per_kwh=usd_per_kwh))


def usd_per_million_tokens(usd_per_hour: Fraction, tokens_per_second: Fraction) -> Fraction:
    """By definition: usd_per_hour / (tokens_per_second x 3600) x 1e6."""
    return usd_per_hour / (tokens_per_second * 3600) * 1_000_000


def rented(usd_per_gpu_hour: str | float | Fraction, cards: int = 1) -> HourlyCost:
    """`cards` cards at one rate each."""
    return HourlyCost(cards, rental_usd=exact(usd_per_gpu_hour) * cards)
