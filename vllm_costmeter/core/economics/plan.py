"""A month of deployments: what each line costs, and how plans compare."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from vllm_costmeter.core.economics.hourly import Convention, HourlyCost, usd_per_million_tokens
from vllm_costmeter.core.economics.money import cents
from vllm_costmeter.core.errors import BadInputError

Purpose = Literal["serving", "training"]
HOURS_IN_LONGEST_MONTH = 744  # 31 x 24


@dataclass(frozen=True, slots=True)
class Use:
    """One deployment for so many hours of a month."""

    card: str
    """As the reader names it, without the count."""
    cost: HourlyCost
    hours: Fraction
    purpose: Purpose = "serving"
    tokens_per_second: Fraction | None = None
    """While it works, all cards together; None: not known."""
    utilisation: Fraction = Fraction(1)
    """Share of the hours in which it works at that rate."""

    def __post_init__(self) -> None:
        if self.hours <= 0:
            raise BadInputError(f"{self.card}: hours must be above 0")
        if self.hours > HOURS_IN_LONGEST_MONTH:
            raise BadInputError(
                f"{self.card}: {float(self.hours):g} hours; a month has at most {HOURS_IN_LONGEST_MONTH}"
            )

    @property
    def name(self) -> str:
        return self.card if self.cost.cards == 1 else f"{self.cost.cards}x {self.card}"

    def usd(self, convention: Convention = "exact") -> Fraction:
        """The month's line, to the cent. An owned card is written off all month, whatever the hours."""
        owned = self.cost.owned
        if owned is None:
            return cents(self.cost.usd_per_hour(convention) * self.hours)
        still = (owned.depreciation_usd_per_hour + owned.overhead_usd_per_hour) * _MONTH_HOURS
        busy = owned.electricity_usd_per_hour(owned.watts) * self.hours * self.utilisation
        waiting = owned.electricity_usd_per_hour(owned.idle_watts or Fraction(0))
        idle = waiting * self.hours * (1 - self.utilisation)
        return cents((still + busy + idle) * self.cost.cards)

    @property
    def tokens(self) -> Fraction | None:
        """Made in the month."""
        rate = self.tokens_per_second
        return None if rate is None else rate * 3600 * self.hours * self.utilisation

    def usd_per_million_tokens(self) -> Fraction | None:
        """The line over its tokens."""
        tokens = self.tokens
        return None if tokens is None else self.usd() / tokens * 1_000_000


_MONTH_HOURS = Fraction(730)  # 8760 / 12: a card's life is counted in years of 8,760 hours


@dataclass(frozen=True, slots=True)
class MonthlyPlan:
    """Uses that are paid together."""

    name: str
    uses: tuple[Use, ...]

    def usd(self) -> Fraction:
        """The sum of the lines as printed."""
        return sum((use.usd() for use in self.uses), Fraction(0))

    def usd_for(self, purpose: Purpose) -> Fraction:
        """The sum of the lines of one purpose."""
        return sum((use.usd() for use in self.uses if use.purpose == purpose), Fraction(0))

    def served_tokens(self) -> Fraction | None:
        """All serving lines' tokens; None where the rate of one is not known."""
        found = [use.tokens for use in self.uses if use.purpose == "serving"]
        known = [tokens for tokens in found if tokens is not None]
        return sum(known, Fraction(0)) if known and len(known) == len(found) else None

    def usd_per_million_tokens(self) -> Fraction | None:
        """Of serving: its dollars over its tokens."""
        tokens = self.served_tokens()
        return None if not tokens else self.usd_for("serving") / tokens * 1_000_000


def saving(usd: Fraction, against_usd: Fraction) -> Fraction | None:
    """The share that `usd` saves against `against_usd`, negative where it costs more; None against nothing."""
    return None if against_usd == 0 else 1 - usd / against_usd


def unit_price(
    cost: HourlyCost, tokens_per_second: Fraction, utilisation: Fraction
) -> tuple[Fraction, Fraction]:
    """USD per million tokens at this utilisation, exactly: (at least, at most)."""
    low, high = cost.usd_per_useful_hour(utilisation)
    return usd_per_million_tokens(low, tokens_per_second), usd_per_million_tokens(high, tokens_per_second)
