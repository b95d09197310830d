"""What owning GPUs costs: the one model that the commands print exactly and the meter charges by."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, TypeVar

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError

HOURS_PER_YEAR = 8760  # 365 days: depreciation's convention; leap days would move the figure by 0.07 %
HOURS_PER_MONTH = 730  # 8760 / 12: the clouds' convention for monthly figures

Component = Literal["rental", "depreciation", "electricity", "overhead"]
"""What a bill consists of."""
Number = TypeVar("Number", float, Fraction)


@dataclass(frozen=True, slots=True)
class OwnedTerms:
    """Terms of the GPUs of one server. Purchase, residual value and power are per GPU; overhead is per server."""

    purchase_usd: Fraction
    lifetime_years: Fraction = Fraction(3)
    residual_usd: Fraction = Fraction(0)
    usd_per_kwh: Fraction | None = None
    """None: not stated, and electricity is part of no figure."""
    watts: Fraction = Fraction(0)
    """Drawn by a GPU at work."""
    idle_watts: Fraction | None = None
    """Drawn by an idle GPU; None: unknown, and a figure that depends on it becomes a range."""
    pue: Fraction = Fraction(1)
    overhead_usd_per_month: Fraction = Fraction(0)
    """Hosting, staff and network of the server, whatever the number of its GPUs."""

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
        """Straight line over the whole life, busy or not."""
        return (self.purchase_usd - self.residual_usd) / (self.lifetime_years * HOURS_PER_YEAR) * gpus

    @property
    def overhead_usd_per_hour(self) -> Fraction:
        """Of the server."""
        return self.overhead_usd_per_month / HOURS_PER_MONTH

    def electricity_usd(
        self, hours: Fraction, utilisation: Fraction = Fraction(1)
    ) -> tuple[Fraction, Fraction]:
        """Of one GPU switched on for `hours`, at work in `utilisation` of them: (at least, at most).

        With an unknown idle power the least assumes none and the most full power.
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
    """What energy that the GPUs drew costs at the building's meter: kWh x PUE x tariff."""
    return kilowatt_hours * pue * usd_per_kwh
