"""What a deployment costs by the hour, from the flags of price_flags.py and the catalogue."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from vllm_costmeter.cli.economics import price_flags
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.pricing.hourly import HourlyCost
from vllm_costmeter.core.pricing.money import above_zero
from vllm_costmeter.core.pricing.ownership import OwnedTerms
from vllm_costmeter.core.pricing.quote import STALE_AFTER_DAYS, first_day, with_age
from vllm_costmeter.sources.catalogue.load import default_price
from vllm_costmeter.sources.catalogue.regions import Region, find_region


@dataclass(frozen=True, slots=True)
class PricedCards:
    """What a deployment costs, and where the figure comes from."""

    cost: HourlyCost
    source: str
    as_of: str = ""
    age_days: int | None = None
    tariff: Region | None = None
    """Whose electricity they draw, where nobody stated a tariff."""
    tariff_age_days: int = 0

    @property
    def in_words(self) -> str:
        """ "rented, comparison article, 2026-05-25 (181 days old)"."""
        words = [self.cost.basis, self.source, with_age(self.as_of, self.age_days or 0)]
        if self.tariff is not None:
            words += [
                f"electricity of {self.tariff.name}",
                with_age(self.tariff.as_of, self.tariff_age_days),
            ]
        return ", ".join(filter(None, words))


def owned_terms(args: argparse.Namespace, card: GpuSpec) -> OwnedTerms | None:
    """The flags' terms for one card; None without a purchase price. BadInputError for flags that need one."""
    if args.purchase_usd is None:
        only = (
            price_flags.OWNED_ONLY if args.region else (*price_flags.OWNED_ONLY, *price_flags.OWNED_OR_CARBON)
        )
        price_flags.reject_flags(args, only, "is a term of an owned card: give --purchase-usd too")
        return None
    usd_per_kwh = _usd_per_kwh(args)
    return OwnedTerms(
        purchase_usd=args.purchase_usd,
        lifetime_years=args.lifetime_years or Fraction(price_flags.DEFAULT_LIFETIME_YEARS),
        residual_usd=args.residual_usd or Fraction(0),
        usd_per_kwh=usd_per_kwh,
        watts=_watts(args, card, is_needed=usd_per_kwh is not None),
        idle_watts=args.idle_watts,
        pue=args.pue or Fraction(1),
        overhead_usd_per_month=args.overhead_usd_per_month or Fraction(0),
    )


def priced_cards(args: argparse.Namespace, card: GpuSpec, count: int, today: date) -> PricedCards:
    """Flags first, the catalogue otherwise. BadInputError where prices contradict each other or none is known."""
    bases = [
        name
        for name in ("gpu_hourly_usd", "node_hourly_usd", "purchase_usd")
        if getattr(args, name) is not None
    ]
    if len(bases) > 1:
        flags = " and ".join(f"--{name.replace('_', '-')}" for name in bases)
        raise BadInputError(f"{flags} contradict each other: a deployment has one price; keep one of them")
    owned = owned_terms(args, card)
    if owned is not None:
        return owned_cards(args, HourlyCost(count, owned=owned), "flag --purchase-usd", today)
    if args.node_hourly_usd is not None:
        return PricedCards(HourlyCost(count, rental_usd=args.node_hourly_usd), "flag --node-hourly-usd")
    if args.gpu_hourly_usd is not None:
        return PricedCards(HourlyCost(count, rental_usd=args.gpu_hourly_usd * count), "flag --gpu-hourly-usd")
    return catalogue_price(card, count, today)


def owned_cards(args: argparse.Namespace, cost: HourlyCost, source: str, today: date) -> PricedCards:
    """Owned cards at `cost`, with the region whose tariff is in it."""
    if args.region is None or args.electricity_usd_per_kwh is not None:
        return PricedCards(cost, source)
    region = find_region(args.region)
    return PricedCards(cost, source, tariff=region, tariff_age_days=(today - first_day(region.as_of)).days)


def catalogue_price(card: GpuSpec, count: int, today: date) -> PricedCards:
    """The catalogue's default quote. BadInputError where it has none."""
    row = default_price(card, count)
    if row is None:
        raise BadInputError(f"no price of {card.name} is known: give one with --gpu-hourly-usd")
    rate = above_zero(row.usd_per_gpu_hour, "usd_per_gpu_hour")
    return PricedCards(
        HourlyCost(count, rental_usd=rate * count), row.provider, row.as_of, row.age_days(today)
    )


def price_values(priced: PricedCards) -> dict[str, Any]:
    """For a JSON document."""
    cost = priced.cost
    found: dict[str, Any] = {"basis": cost.basis, "source": priced.source}
    if cost.rental_usd is not None:
        found["usd_per_gpu_hour"] = cost.rental_usd / cost.gpus
    if priced.tariff is not None:
        found["electricity"] = {
            "usd_per_kwh": priced.tariff.usd_per_kwh,
            "region": priced.tariff.name,
            "source": priced.tariff.source,
            "as_of": priced.tariff.as_of,
            "age_days": priced.tariff_age_days,
            "stale": priced.tariff_age_days > STALE_AFTER_DAYS,
        }
    if priced.as_of:
        found["as_of"] = priced.as_of
    if priced.age_days is not None:
        found |= {"age_days": priced.age_days, "stale": priced.age_days > STALE_AFTER_DAYS}
    return found


def gco2e_per_hour(args: argparse.Namespace, card: GpuSpec, count: int) -> Fraction | None:
    """Of `count` working cards on the named region's grid; None without a region whose carbon is known."""
    grams = None if args.region is None else find_region(args.region).gco2e_per_kwh
    if grams is None:
        return None
    return _watts(args, card, is_needed=True) / 1000 * (args.pue or 1) * grams * count


def carbon_source(args: argparse.Namespace) -> str:
    """Where the carbon of the named region was read, and for when."""
    region = find_region(args.region)
    return f"{region.name}: {region.source}, {region.as_of}"


def _usd_per_kwh(args: argparse.Namespace) -> Fraction | None:
    """As stated, else of the named region. BadInputError for a region whose tariff is not known."""
    if args.electricity_usd_per_kwh is not None or args.region is None:
        return None if args.electricity_usd_per_kwh is None else Fraction(args.electricity_usd_per_kwh)
    region = find_region(args.region)
    if region.usd_per_kwh is None:
        raise BadInputError(
            f"what electricity costs in {region.name} is not known: give --electricity-usd-per-kwh"
        )
    return region.usd_per_kwh


def _watts(args: argparse.Namespace, card: GpuSpec, *, is_needed: bool) -> Fraction:
    """As stated, else rated. A second-hand rating is no default: BadInputError where the figure hangs on it."""
    if args.watts is not None:
        return Fraction(args.watts)
    if card.tdp_watts is not None and card.is_verified("tdp_watts"):
        return Fraction(card.tdp_watts)
    if is_needed:
        known = f"{card.tdp_watts:g} W is second-hand" if card.tdp_watts else "is not in the catalogue"
        raise BadInputError(f"the rated power of a {card.name} {known}: give --watts")
    return Fraction(args.idle_watts or 0)
