"""Cost of owning GPUs: one model, printed exactly by the commands and charged by the meter."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, TypeVar

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError

HOURS_PER_YEAR = 8760  # 365 days: depreciation's convention; leap days would move the figure by 0.07 %
HOURS_PER_MONTH = 730  # 8760 / 12: cloud providers' convention for monthly figures

Component = Literal["rental", "depreciation", "electricity", "overhead"]
"""Components of a bill."""
Number = TypeVar("Number", float, Fraction)


@dataclass(frozen=True, slots=True)
class OwnedTerms:
    """Terms of one server's GPUs. Purchase, residual value and power are per GPU; overhead is per server.

    BadInputError for terms that contradict each other or are out of range.
    """

    purchase_usd: Fraction
    lifetime_years: Fraction = Fraction(3)
    residual_usd: Fraction = Fraction(0)
    usd_per_kwh: Fraction | None = None
    """None: not stated; no amount includes electricity."""
    watts: Fraction = Fraction(0)
    """Power of a GPU at work."""
    idle_watts: Fraction | None = None
    """Power of an idle GPU; None: unknown, so amounts that depend on it are ranges."""
    pue: Fraction = Fraction(1)
    """Power usage effectiveness: facility energy divided by IT energy."""
    overhead_usd_per_month: Fraction = Fraction(0)
    """Hosting, staff and network for the server, independent of its number of GPUs."""

    def __post_init__(self) -> None:
        if self.residual_usd > self.purchase_usd:
            raise BadInputError(
                f"a residual value of ${float(self.residual_usd):,g} exceeds the purchase price of "
                f"${float(self.purchase_usd):,g}"
            )
        if self.lifetime_years <= 0:
            raise BadInputError(
                "a lifetime of 0 years; give the years over which the GPU is written off, such as 3"
            )
        if self.pue < 1:
            raise BadInputError(
                f"a PUE of {float(self.pue):g}; it is the building's energy over the GPUs', at least 1"
            )
        if self.idle_watts is not None and self.idle_watts > self.watts:
            raise BadInputError(
                f"an idle power of {float(self.idle_watts):g} W exceeds the {float(self.watts):g} W of a GPU at work"
            )

    def depreciation_usd_per_hour(self, gpus: int) -> Fraction:
        """Straight-line depreciation of `gpus` GPUs over the whole lifetime, busy or not."""
        return (self.purchase_usd - self.residual_usd) / (self.lifetime_years * HOURS_PER_YEAR) * gpus

    @property
    def overhead_usd_per_hour(self) -> Fraction:
        """Overhead of the server per hour."""
        return self.overhead_usd_per_month / HOURS_PER_MONTH

    def electricity_usd(
        self, hours: Fraction, utilisation: Fraction = Fraction(1)
    ) -> tuple[Fraction, Fraction]:
        """USD for one GPU switched on for `hours`, at work in `utilisation` of them: (at least, at most).

        If the idle power is unknown, the bounds assume idle power of zero and of a GPU at work.
        """
        busy = self.watts * hours * utilisation
        idle = (Fraction(0), self.watts) if self.idle_watts is None else (self.idle_watts, self.idle_watts)
        low, high = (
            energy_usd(
                (busy + watts * hours * (1 - utilisation)) / 1000, self.pue, self.usd_per_kwh or Fraction(0)
            )
            for watts in idle
        )
        return low, high


def energy_usd(kilowatt_hours: Number, pue: Number, usd_per_kwh: Number) -> Number:
    """Cost of the energy drawn by the GPUs, at the building's meter: kWh x PUE x tariff."""
    return kilowatt_hours * pue * usd_per_kwh
