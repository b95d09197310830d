"""The price that the meter charges: the model of hourly.py, converted to floats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.hourly import HourlyCost, rented
from vllm_costmeter.core.pricing.money import exact
from vllm_costmeter.core.pricing.ownership import Component, OwnedTerms, energy_usd

JOULES_PER_KILOWATT_HOUR = 3_600_000  # definition


@dataclass(frozen=True, slots=True)
class Electricity:
    """Converts joules to dollars: $ = joules / 3.6e6 x PUE x the tariff of that hour."""

    usd_per_kwh_by_hour: tuple[float, ...]
    """One tariff for the whole day, or 24, one per hour of the local day."""
    pue: float = 1.0
    """Power usage effectiveness: facility energy over IT energy, 1.0 or more."""

    def usd(self, joules: float, hour_of_day: int) -> float:
        """Cost, at the building's meter, of `joules` measured at the GPU."""
        tariff = self.usd_per_kwh_by_hour[hour_of_day % len(self.usd_per_kwh_by_hour)]
        return energy_usd(joules / JOULES_PER_KILOWATT_HOUR, self.pue, tariff)


@dataclass(frozen=True, slots=True)
class Price:
    """The hourly rates for all GPUs of this server, and the rule for electricity, which is measured."""

    basis: Literal["rental", "owned"]
    source: str
    """Source of the price: flag, environment, settings file or catalogue."""
    as_of: str = ""
    """ISO date of a catalogue or quoted price; empty for the operator's price."""
    rental_usd_per_hour: float = 0.0
    depreciation_usd_per_hour: float = 0.0
    overhead_usd_per_hour: float = 0.0
    electricity: Electricity | None = None
    gpu_share: float = 1.0
    """Fraction of each GPU that this server pays for (MIG slice, shared GPU); the rates above include it."""
    share_basis: str = ""
    """Basis of the fraction, as in GpuShare.basis; empty for a whole GPU."""

    @property
    def usd_per_hour_by_component(self) -> dict[Component, float]:
        """The components that accrue with time. Electricity is absent: it accrues with energy."""
        if self.basis == "rental":
            return {"rental": self.rental_usd_per_hour}
        return {"depreciation": self.depreciation_usd_per_hour, "overhead": self.overhead_usd_per_hour}


def rental_price(
    *,
    usd_per_gpu_hour: float,
    gpus: int,
    source: str,
    as_of: str = "",
    gpu_share: float = 1.0,
    share_basis: str = "",
) -> Price:
    """`gpus` rented GPUs: rate x GPUs x share. BadInputError for an invalid rate or share."""
    cost = rented(_amount("a price per GPU hour", usd_per_gpu_hour), gpus)
    return _price(cost, source=source, as_of=as_of, gpu_share=gpu_share, share_basis=share_basis)


def node_price(
    *, usd_per_hour: float, source: str, as_of: str = "", gpu_share: float = 1.0, share_basis: str = ""
) -> Price:
    """A rented machine: one rate for all its GPUs x share. BadInputError for an invalid rate or share."""
    cost = HourlyCost(rental_usd=_amount("a price per hour", usd_per_hour))
    return _price(cost, source=source, as_of=as_of, gpu_share=gpu_share, share_basis=share_basis)


def owned_price(
    *,
    purchase_usd: float,
    lifetime_years: float,
    usd_per_kwh: float | Sequence[float] | None,
    gpus: int,
    source: str,
    residual_usd: float = 0.0,
    pue: float = 1.0,
    overhead_usd_per_month: float = 0.0,
    as_of: str = "",
    gpu_share: float = 1.0,
    share_basis: str = "",
) -> Price:
    """An owned server (purchase and residual per GPU, overhead per server), with metered energy.

    If `usd_per_kwh` is None, electricity is not billed. BadInputError for invalid terms.
    """
    terms = OwnedTerms(
        purchase_usd=_amount("a purchase price", purchase_usd),
        residual_usd=_amount("a residual value", residual_usd),
        lifetime_years=_amount("a lifetime in years", lifetime_years),
        pue=_amount("a PUE", pue),
        overhead_usd_per_month=_amount("a monthly overhead", overhead_usd_per_month),
    )
    tariffs = (usd_per_kwh,) if isinstance(usd_per_kwh, int | float) else tuple(usd_per_kwh or ())
    if usd_per_kwh is not None and len(tariffs) not in (1, 24):
        raise BadInputError(f"{len(tariffs)} tariffs; give one for the whole day or 24, one per hour")
    by_hour = tuple(float(_amount("a tariff per kWh", tariff)) for tariff in tariffs)
    electricity = Electricity(usd_per_kwh_by_hour=by_hour, pue=float(pue)) if by_hour else None
    cost = HourlyCost(gpus, owned=terms)
    return _price(cost, electricity, source=source, as_of=as_of, gpu_share=gpu_share, share_basis=share_basis)


def _price(
    cost: HourlyCost,
    electricity: Electricity | None = None,
    *,
    source: str,
    as_of: str,
    gpu_share: float,
    share_basis: str,
) -> Price:
    """The only conversion of exact rates to the meter's floats."""
    if not 0 < _amount("a GPU share", gpu_share) <= 1:
        raise BadInputError(
            f"a GPU share of {gpu_share}; give a fraction above 0 and up to 1, such as 0.142857"
        )
    rates = {name: float(usd) * gpu_share for name, usd in cost.components().items()}
    return Price(
        basis="rental" if cost.owned is None else "owned",
        source=source,
        as_of=as_of,
        rental_usd_per_hour=rates.get("rental", 0.0),
        depreciation_usd_per_hour=rates.get("depreciation", 0.0),
        overhead_usd_per_hour=rates.get("overhead", 0.0),
        electricity=electricity,
        gpu_share=float(gpu_share),
        share_basis=share_basis,
    )


def _amount(what: str, value: float) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise BadInputError(f"{what} of {value!r}; give a number of 0 or more")
    try:
        return exact(value)
    except ValueError as fault:
        raise BadInputError(f"{what} of {value!r}: {fault}") from None
