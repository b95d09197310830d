"""A month of deployments: what each line costs, and how plans compare."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.pricing.hourly import HourlyCost
from vllm_costmeter.core.pricing.money import cents
from vllm_costmeter.core.pricing.ownership import HOURS_PER_MONTH, Component

Purpose = Literal["serving", "training"]
HOURS_IN_LONGEST_MONTH = 744  # 31 x 24


@dataclass(frozen=True, slots=True)
class Charge:
    """One part of a line: a rate for so many hours."""

    component: Component
    usd_per_hour: Fraction
    """Of all GPUs."""
    hours: Fraction

    @property
    def usd(self) -> Fraction:
        """To the cent."""
        return cents(self.usd_per_hour * self.hours)


@dataclass(frozen=True, slots=True)
class Use:
    """One deployment for so many hours of a month."""

    gpu: str
    """As the reader names it, without the count."""
    cost: HourlyCost
    hours: Fraction
    purpose: Purpose = "serving"
    tokens_per_second: Fraction | None = None
    """While it works, all GPUs together; None: not known."""
    utilisation: Fraction = Fraction(1)
    """Share of the hours in which it works at that rate."""

    def __post_init__(self) -> None:
        if self.hours <= 0:
            raise BadInputError(f"{self.gpu}: hours must be above 0")
        if self.hours > HOURS_IN_LONGEST_MONTH:
            raise BadInputError(
                f"{self.gpu}: {float(self.hours):g} hours; a month has at most {HOURS_IN_LONGEST_MONTH}"
            )

    @property
    def name(self) -> str:
        return counted(self.gpu, self.cost.gpus)

    def charges(self) -> tuple[Charge, ...]:
        """The month's parts at the upper end of their ranges, so that a cost is never understated.

        Depreciation and overhead of an owned server run all month; it draws power in its hours only.
        """
        owned = self.cost.owned
        if owned is None:
            return (Charge("rental", self.cost.usd_per_hour(), self.hours),)
        month = Fraction(HOURS_PER_MONTH)
        found = [Charge("depreciation", owned.depreciation_usd_per_hour(self.cost.gpus), month)]
        if owned.usd_per_kwh is not None:
            electricity = self.cost.electricity_usd(self.hours, self.utilisation)[1]
            found.append(Charge("electricity", electricity / self.hours, self.hours))
        if owned.overhead_usd_per_month:
            found.append(Charge("overhead", owned.overhead_usd_per_hour, month))
        return tuple(found)

    def usd(self) -> Fraction:
        """The month's line: the sum of its charges, each rounded to the cent."""
        return sum((charge.usd for charge in self.charges()), Fraction(0))

    def usd_range(self) -> tuple[Fraction, Fraction]:
        """The month exactly: (at least, at most)."""
        if self.cost.owned is None:
            rent = self.cost.usd_per_hour() * self.hours
            return rent, rent
        standing = self.cost.standing_usd_per_hour * HOURS_PER_MONTH
        low, high = self.cost.electricity_usd(self.hours, self.utilisation)
        return standing + low, standing + high

    @property
    def tokens(self) -> Fraction | None:
        """Made in the month."""
        rate = self.tokens_per_second
        return None if rate is None else rate * 3600 * self.hours * self.utilisation

    def usd_per_million_tokens(self) -> Fraction | None:
        """The line divided by its tokens."""
        tokens = self.tokens
        return None if tokens is None else self.usd() / tokens * 1_000_000

    def usd_per_million_tokens_range(self) -> tuple[Fraction, Fraction] | None:
        """The same before the line is rounded: (at least, at most)."""
        tokens = self.tokens
        if tokens is None:
            return None
        low, high = self.usd_range()
        return low / tokens * 1_000_000, high / tokens * 1_000_000


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
