"""When buying becomes cheaper than renting, by cash paid."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.pricing.ownership import OwnedTerms

DAYS_PER_MONTH = Fraction(365, 12)
MOST_MONTHS = 1200
"""A hundred years; a later break-even counts as never."""


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The point at which cumulative rent equals the purchase plus the cost of operation."""

    hours: Fraction | None
    """Hours of use until buying is cheaper; None: never, because renting costs less than operating."""
    months: Fraction | None
    """The same in months, at the stated hours per month."""
    within_lifetime: bool
    """Whether break-even comes before the GPU is written off."""
    rent_usd_per_month: Fraction
    own_usd_per_month: Fraction
    """Cost of operation only: electricity and overhead."""
    purchase_usd: Fraction

    def on(self, bought: date) -> date | None:
        """The date of break-even for a GPU bought on `bought`; None: never."""
        if self.months is None or self.months > MOST_MONTHS:
            return None
        days = self.months * DAYS_PER_MONTH
        try:
            return bought + timedelta(days=-(-days.numerator // days.denominator))
        except OverflowError:
            return None


def break_even(
    owned: OwnedTerms,
    rent_usd_per_gpu_hour: Fraction,
    hours_per_month: Fraction,
    gpus: int = 1,
    utilisation: Fraction = Fraction(1),
) -> BreakEven:
    """Months = purchase / (rent - cost of operation), both per month, for `gpus` GPUs in one server.

    Cash, not depreciation: the purchase is paid on the first day, and the residual value is ignored because
    it is paid only when the GPU is sold. Electricity is as in `Use.charges`: the upper bound if the idle
    power is unknown.
    """
    electricity = owned.electricity_usd(hours_per_month, utilisation)[1] * gpus
    running = electricity + owned.overhead_usd_per_month
    rent = rent_usd_per_gpu_hour * hours_per_month * gpus
    purchase = owned.purchase_usd * gpus
    months = purchase / (rent - running) if rent > running else None
    return BreakEven(
        hours=None if months is None else months * hours_per_month,
        months=months,
        within_lifetime=months is not None and months <= owned.lifetime_years * 12,
        rent_usd_per_month=rent,
        own_usd_per_month=running,
        purchase_usd=purchase,
    )
