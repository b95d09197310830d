"""What the server's GPUs cost by the hour, rented or owned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vllm_costmeter.core.errors import BadInputError

HOURS_PER_YEAR = 8760  # 365 days: depreciation's convention; leap days would move the figure by 0.07 %
HOURS_PER_MONTH = 730  # 8760 / 12: the clouds' convention for monthly figures
JOULES_PER_KILOWATT_HOUR = 3_600_000  # definition

Component = Literal["rental", "depreciation", "electricity", "overhead"]


@dataclass(frozen=True, slots=True)
class Electricity:
    """How joules become dollars: $ = joules / 3.6e6 x PUE x the tariff of that hour."""

    usd_per_kwh_by_hour: tuple[float, ...]
    """One tariff for the whole day, or 24, one per hour of the local day."""
    pue: float = 1.0
    """Power usage effectiveness: facility energy over IT energy, 1.0 or more."""

    def usd(self, joules: float, hour_of_day: int) -> float:
        """What `joules` measured at the card cost at the meter of the building."""
        tariff = self.usd_per_kwh_by_hour[hour_of_day % len(self.usd_per_kwh_by_hour)]
        return joules / JOULES_PER_KILOWATT_HOUR * self.pue * tariff


@dataclass(frozen=True, slots=True)
class Price:
    """The bill's rates for everything this server owns. What is measured (electricity) is a rule, not a rate."""

    basis: Literal["rental", "owned"]
    source: str
    """Where the figure comes from: flag, environment, settings file, catalogue."""
    as_of: str = ""
    """ISO date of a catalogue or quoted price; empty for the operator's own figure."""
    rental_usd_per_hour: float = 0.0
    depreciation_usd_per_hour: float = 0.0
    overhead_usd_per_hour: float = 0.0
    electricity: Electricity | None = None
    gpu_share: float = 1.0
    """Fraction of each card this server pays for (a MIG slice, a shared card). The rates above already carry it."""
    share_basis: str = ""
    """What the fraction was taken from, as GpuShare.basis; empty for a whole card."""

    @property
    def usd_per_hour_by_component(self) -> dict[Component, float]:
        """The components that run with the clock. Electricity is absent: it runs with the joules."""
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
    """`gpus` rented cards: rate x cards x share. BadInputError for a rate that cannot be meant."""
    _check("a price per GPU hour", usd_per_gpu_hour)
    return node_price(
        usd_per_hour=usd_per_gpu_hour * _gpus(gpus),
        source=source,
        as_of=as_of,
        gpu_share=gpu_share,
        share_basis=share_basis,
    )


def node_price(
    *, usd_per_hour: float, source: str, as_of: str = "", gpu_share: float = 1.0, share_basis: str = ""
) -> Price:
    """A rented machine at one rate for all its cards, times the share of it that this server has."""
    return Price(
        basis="rental",
        source=source,
        as_of=as_of,
        rental_usd_per_hour=_check("a price per hour", usd_per_hour) * _share(gpu_share),
        gpu_share=gpu_share,
        share_basis=share_basis,
    )


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
    """An owned server: straight-line depreciation of (purchase - residual) per card over its life, the joules it
    really draws, and a monthly overhead for the whole server.

    `purchase_usd` and `residual_usd` are per GPU. With `usd_per_kwh` None the electricity is unknown and no part of
    the bill. BadInputError for terms that cannot be meant.
    """
    _check("a purchase price", purchase_usd)
    _check("a residual value", residual_usd)
    if residual_usd > purchase_usd:
        raise BadInputError(
            f"a residual value of {residual_usd} USD exceeds the purchase price {purchase_usd}"
        )
    if _check("a lifetime in years", lifetime_years) == 0:
        raise BadInputError(
            "a lifetime of 0 years; give the years over which the card is written off, such as 3"
        )
    if _check("a PUE", pue) < 1:
        raise BadInputError(f"a PUE of {pue}; it is the building's energy over the cards', at least 1")
    tariffs = (usd_per_kwh,) if isinstance(usd_per_kwh, int | float) else tuple(usd_per_kwh or ())
    if usd_per_kwh is not None and len(tariffs) not in (1, 24):
        raise BadInputError(f"{len(tariffs)} tariffs; give one for the whole day or 24, one per hour")
    share = _share(gpu_share)
    by_hour = tuple(_check("a tariff per kWh", tariff) for tariff in tariffs)
    per_card = (purchase_usd - residual_usd) / (lifetime_years * HOURS_PER_YEAR)
    overhead = _check("a monthly overhead", overhead_usd_per_month) / HOURS_PER_MONTH
    return Price(
        basis="owned",
        source=source,
        as_of=as_of,
        depreciation_usd_per_hour=per_card * _gpus(gpus) * share,
        overhead_usd_per_hour=overhead * share,
        electricity=Electricity(usd_per_kwh_by_hour=by_hour, pue=pue) if by_hour else None,
        gpu_share=share,
        share_basis=share_basis,
    )


def _check(what: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise BadInputError(f"{what} of {value!r}; give a number of 0 or more")
    return float(value)


def _share(value: float) -> float:
    if not 0 < _check("a GPU share", value) <= 1:
        raise BadInputError(f"a GPU share of {value}; give a fraction above 0 and up to 1, such as 0.142857")
    return float(value)


def _gpus(count: int) -> int:
    if count < 1:
        raise BadInputError(f"{count} GPUs; give 1 or more")
    return count
