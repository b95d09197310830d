"""Hourly price of GPUs, from the flags of price_flags.py and the catalogue."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

from vllm_costmeter.cli.economics.price_flags import DEFAULT_LIFETIME_YEARS, PriceFlags, reject_owned_terms
from vllm_costmeter.cli.economics.typed_flags import given
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.pricing.hourly import HourlyCost, rented
from vllm_costmeter.core.pricing.ownership import OwnedTerms
from vllm_costmeter.core.pricing.quote import STALE_AFTER_DAYS, first_day, with_age
from vllm_costmeter.sources.catalogue.load import default_price
from vllm_costmeter.sources.catalogue.regions import Region, find_region


@dataclass(frozen=True, slots=True)
class PricedGpus:
    """The cost of a deployment and its source."""

    cost: HourlyCost
    source: str
    as_of: str = ""
    age_days: int | None = None
    region: Region | None = None
    """The region that supplies the electricity tariff, if none was stated."""
    region_age_days: int = 0
    unused_region: Region | None = None
    """The region whose tariff a stated price of electricity replaces."""

    @property
    def in_words(self) -> str:
        """ "rented, comparison article, 2026-05-25 (181 days old)"."""
        words = [self.cost.basis, self.source, with_age(self.as_of, self.age_days or 0)]
        if self.region is not None and self.region.usd_per_kwh is None:
            words.append(f"tariff of {self.region.name} unknown")
        elif self.region is not None:
            words += [f"electricity of {self.region.name}", with_age(self.region.as_of, self.region_age_days)]
        if self.unused_region is not None:
            words.append(f"electricity at the stated price, not at that of {self.unused_region.name}")
        return ", ".join(filter(None, words))


def priced_gpus(flags: PriceFlags, gpu: GpuSpec, count: int, today: date) -> PricedGpus:
    """The price from the flags, else from the catalogue. BadInputError as for both."""
    return stated_price(flags, gpu, count, today) or catalogue_price(gpu, count, today)


def stated_price(
    flags: PriceFlags, gpu: GpuSpec | None, count: int, today: date, *, carbon: bool = False
) -> PricedGpus | None:
    """The price from the flags; None if they state none.

    `carbon`: the result includes a region's carbon intensity, for rented GPUs too. BadInputError for
    contradictory prices and for terms that the price does not use.
    """
    bases = given(flags, ("gpu_hourly_usd", "node_hourly_usd", "purchase_usd"))
    if len(bases) > 1:
        raise BadInputError(f"{' and '.join(bases)} contradict each other: keep one")
    if flags.purchase_usd is not None:
        return owned_gpus(flags, gpu, count, "flag --purchase-usd", today)
    needs = carbon and flags.region is not None
    reject_owned_terms(flags, "is a term of owned GPUs: give --purchase-usd too", carbon=needs)
    if flags.node_hourly_usd is not None:
        return PricedGpus(HourlyCost(count, rental_usd=flags.node_hourly_usd), "flag --node-hourly-usd")
    if flags.gpu_hourly_usd is not None:
        return PricedGpus(rented(flags.gpu_hourly_usd, count), "flag --gpu-hourly-usd")
    return None


def owned_gpus(flags: PriceFlags, gpu: GpuSpec | None, count: int, source: str, today: date) -> PricedGpus:
    """The price of owned GPUs from the flags. BadInputError if their power is needed and unknown."""
    assert flags.purchase_usd is not None
    stated = flags.electricity_usd_per_kwh
    named = None if flags.region is None else find_region(flags.region)
    region = named if stated is None else None
    usd_per_kwh = stated if region is None else region.usd_per_kwh
    terms = OwnedTerms(
        purchase_usd=flags.purchase_usd,
        lifetime_years=flags.lifetime_years or Fraction(DEFAULT_LIFETIME_YEARS),
        residual_usd=flags.residual_usd or Fraction(0),
        usd_per_kwh=usd_per_kwh,
        watts=_watts(flags, gpu, is_needed=usd_per_kwh is not None),
        idle_watts=flags.idle_watts,
        pue=flags.pue or Fraction(1),
        overhead_usd_per_month=flags.overhead_usd_per_month or Fraction(0),
    )
    age_days = 0 if region is None else (today - first_day(region.as_of)).days
    return PricedGpus(
        HourlyCost(count, owned=terms),
        source,
        region=region,
        region_age_days=age_days,
        unused_region=named if region is None else None,
    )


def catalogue_price(gpu: GpuSpec, count: int, today: date) -> PricedGpus:
    """The catalogue's default quote. BadInputError if it has none."""
    row = default_price(gpu, count)
    if row is None:
        raise BadInputError(f"the catalogue has no price for {gpu.name}: give --gpu-hourly-usd")
    return PricedGpus(rented(row.usd_per_gpu_hour, count), row.provider, row.as_of, row.age_days(today))


def price_values(priced: PricedGpus) -> dict[str, Any]:
    """The price for JSON output."""
    cost, region = priced.cost, priced.region
    found: dict[str, Any] = {"basis": cost.basis, "source": priced.source}
    if cost.rental_usd is not None:
        found["usd_per_gpu_hour"] = cost.rental_usd / cost.gpus
    if region is not None and region.usd_per_kwh is not None:
        found["electricity"] = {
            "usd_per_kwh": region.usd_per_kwh,
            "region": region.name,
            "source": region.source,
            "as_of": region.as_of,
            "age_days": priced.region_age_days,
            "stale": priced.region_age_days > STALE_AFTER_DAYS,
        }
    if priced.unused_region is not None:
        found["unused_region"] = priced.unused_region.name
    if priced.as_of:
        found["as_of"] = priced.as_of
    if priced.age_days is not None:
        found |= {"age_days": priced.age_days, "stale": priced.age_days > STALE_AFTER_DAYS}
    return found


def carbon(flags: PriceFlags, gpu: GpuSpec | None, count: int) -> tuple[Fraction, str] | None:
    """(gCO2e per hour of `count` GPUs at work on the named region's grid, source); None without a region, or
    if its carbon intensity is unknown."""
    region = None if flags.region is None else find_region(flags.region)
    if region is None:
        return None
    if region.gco2e_per_kwh is None and flags.purchase_usd is None:
        raise BadInputError(
            f"--region {region.name}: its carbon intensity is unknown; its tariff applies to owned GPUs only"
        )
    if region.gco2e_per_kwh is None:
        return None
    kilowatts = _watts(flags, gpu, is_needed=True) / 1000 * (flags.pue or 1) * count
    return kilowatts * region.gco2e_per_kwh, f"{region.name}: {region.source}, {region.as_of}"


def _watts(flags: PriceFlags, gpu: GpuSpec | None, *, is_needed: bool) -> Fraction:
    """The stated power, else the rated power. BadInputError if it is needed and only known second-hand."""
    if flags.watts is not None:
        return flags.watts
    if gpu is not None and gpu.tdp_watts is not None and gpu.is_verified("tdp_watts"):
        return Fraction(gpu.tdp_watts)
    if not is_needed:
        return flags.idle_watts or Fraction(0)
    if gpu is None:
        raise BadInputError("the power of the GPU is unknown: give --gpu or --watts")
    known = f"is second-hand ({gpu.tdp_watts:g} W)" if gpu.tdp_watts else "is not in the catalogue"
    raise BadInputError(f"the rated power of the {gpu.name} {known}: give --watts")
