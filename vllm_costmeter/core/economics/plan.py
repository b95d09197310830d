"""Monthly plans: the cost of each deployment, and totals to compare."""

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
    """One component of a use's cost: a rate times hours."""

    component: Component
    usd_per_hour: Fraction
    """For all GPUs together."""
    hours: Fraction

    @property
    def usd(self) -> Fraction:
        """Rate x hours, rounded to the cent."""
        return cents(self.usd_per_hour * self.hours)


@dataclass(frozen=True, slots=True)
class Use:
    """One deployment for a number of hours per month.

    BadInputError for hours of 0 or less, or more than a month has, and for billing terms of owned GPUs.
    """

    gpu: str
    """GPU name without the count."""
    cost: HourlyCost
    hours: Fraction
    purpose: Purpose = "serving"
    tokens_per_second: Fraction | None = None
    """Rate at work, for all GPUs together; None: unknown."""
    utilisation: Fraction = Fraction(1)
    """Share of the hours at that rate."""
    minimum_hours: Fraction = Fraction(0)
    """The least that rent is charged for."""
    billed_by_hours: Fraction | None = None
    """Rent is charged for whole multiples of this, the hours being one rental; None: to the second."""

    def __post_init__(self) -> None:
        if self.hours <= 0:
            raise BadInputError(f"{self.gpu}: hours must be above 0, got {float(self.hours):g}")
        if self.hours > HOURS_IN_LONGEST_MONTH:
            raise BadInputError(
                f"{self.gpu}: {float(self.hours):g} hours; a month has at most {HOURS_IN_LONGEST_MONTH}"
            )
        if self.cost.owned is not None and (self.minimum_hours or self.billed_by_hours):
            raise BadInputError(f"{self.gpu}: minimum and billed-by hours are terms of rent, and it is owned")
        if self.billed_hours > HOURS_IN_LONGEST_MONTH:
            raise BadInputError(
                f"{self.gpu}: {float(self.billed_hours):g} billed hours; a month has at most {HOURS_IN_LONGEST_MONTH}"
            )

    @property
    def billed_hours(self) -> Fraction:
        """The hours that rent is charged for."""
        asked = max(self.hours, self.minimum_hours)
        step = self.billed_by_hours
        return asked if step is None else -(-asked // step) * step

    @property
    def name(self) -> str:
        return counted(self.gpu, self.cost.gpus)

    def charges(self) -> tuple[Charge, ...]:
        """The month's components at the upper bound of their ranges, so that the cost is never understated.

        Depreciation and overhead of an owned server accrue all month, electricity only during `hours`.
        """
        owned = self.cost.owned
        if owned is None:
            return (Charge("rental", self.cost.usd_per_hour(), self.billed_hours),)
        month = Fraction(HOURS_PER_MONTH)
        found = [Charge("depreciation", owned.depreciation_usd_per_hour(self.cost.gpus), month)]
        if owned.usd_per_kwh is not None:
            electricity = self.cost.electricity_usd(self.hours, self.utilisation)[1]
            found.append(Charge("electricity", electricity / self.hours, self.hours))
        if owned.overhead_usd_per_month:
            found.append(Charge("overhead", owned.overhead_usd_per_hour, month))
        return tuple(found)

    def usd(self) -> Fraction:
        """Cost of the month: the sum of the charges, each rounded to the cent."""
        return sum((charge.usd for charge in self.charges()), Fraction(0))

    def usd_range(self) -> tuple[Fraction, Fraction]:
        """Exact cost of the month: (at least, at most)."""
        if self.cost.owned is None:
            rent = self.cost.usd_per_hour() * self.billed_hours
            return rent, rent
        standing = self.cost.standing_usd_per_hour * HOURS_PER_MONTH
        low, high = self.cost.electricity_usd(self.hours, self.utilisation)
        return standing + low, standing + high

    @property
    def tokens(self) -> Fraction | None:
        """Tokens generated in the month; None without a rate."""
        rate = self.tokens_per_second
        return None if rate is None else rate * 3600 * self.hours * self.utilisation

    def usd_per_million_tokens(self) -> Fraction | None:
        """`usd()` per million `tokens`; None without a rate."""
        tokens = self.tokens
        return None if tokens is None else self.usd() / tokens * 1_000_000

    def usd_per_million_tokens_range(self) -> tuple[Fraction, Fraction] | None:
        """The same from the exact cost: (at least, at most)."""
        tokens = self.tokens
        if tokens is None:
            return None
        low, high = self.usd_range()
        return low / tokens * 1_000_000, high / tokens * 1_000_000


@dataclass(frozen=True, slots=True)
class MonthlyPlan:
    """Uses that are paid for together."""

    name: str
    uses: tuple[Use, ...]

    def usd(self) -> Fraction:
        """The sum of all uses, each as printed."""
        return sum((use.usd() for use in self.uses), Fraction(0))

    def usd_for(self, purpose: Purpose) -> Fraction:
        """The sum of the uses with this purpose."""
        return sum((use.usd() for use in self.uses if use.purpose == purpose), Fraction(0))

    def served_tokens(self) -> Fraction | None:
        """Tokens of all serving uses; None if the rate of any is unknown."""
        found = [use.tokens for use in self.uses if use.purpose == "serving"]
        known = [tokens for tokens in found if tokens is not None]
        return sum(known, Fraction(0)) if known and len(known) == len(found) else None

    def usd_per_million_tokens(self) -> Fraction | None:
        """Cost of serving per million tokens served; None if the tokens are unknown."""
        tokens = self.served_tokens()
        return None if not tokens else self.usd_for("serving") / tokens * 1_000_000


def saving(usd: Fraction, against_usd: Fraction) -> Fraction | None:
    """1 - usd / against_usd: the share saved, negative if `usd` is more. None if `against_usd` is 0."""
    return None if against_usd == 0 else 1 - usd / against_usd
