"""When buying becomes cheaper than renting: by cash paid, month by month."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.pricing.ownership import OwnedTerms

DAYS_PER_MONTH = Fraction(365, 12)
MOST_MONTHS = 1200
"""A hundred years; later is never."""


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where two lines cross: what renting has cost by then, and what buying and running has."""

    hours: Fraction | None
    """Hours of use until buying is cheaper; None: never, because an hour of rent costs less than an hour of running."""
    months: Fraction | None
    """At the stated hours per month."""
    within_lifetime: bool
    """Whether it comes before the GPU is written off."""
    rent_usd_per_month: Fraction
    own_usd_per_month: Fraction
    """Running only: electricity and overhead."""
    purchase_usd: Fraction

    def on(self, bought: date) -> date | None:
        """The day, for a GPU bought on `bought`; None where it never comes."""
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
    """Purchase / (rent saved - running cost), per month of `hours_per_month` hours, for `gpus` GPUs in one server.

    Cash, not depreciation: the purchase is paid on the first day, and the residual value counts for nothing until the
    GPU is sold. Electricity is that of the same month in a plan: the upper end where the idle power is unknown.
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
