"""The flags that say what a card costs, rented or owned, and in which currency and form the answer is shown."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.card import Card
from vllm_costmeter.core.economics.currency import Currency, currency
from vllm_costmeter.core.economics.hourly import HourlyCost, OwnedTerms
from vllm_costmeter.core.economics.money import above_zero, at_least_zero
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.price_row import STALE_AFTER_DAYS
from vllm_costmeter.sources.catalogue import default_price
from vllm_costmeter.sources.regions import find_region

_OWNED_ONLY = (
    "lifetime_years",
    "residual_usd",
    "electricity_usd_per_kwh",
    "overhead_usd_per_month",
    "idle_watts",
)
_OWNED_OR_CARBON = ("watts", "pue")  # a region's carbon needs them for a rented card too
_DEFAULT_LIFETIME_YEARS = 3  # the comparison of 25 May 2026, and a common accounting life of servers


@dataclass(frozen=True, slots=True)
class PricedCards:
    """What a deployment costs, and where the figure comes from."""

    cost: HourlyCost
    source: str
    as_of: str = ""
    age_days: int | None = None

    @property
    def in_words(self) -> str:
        """ "rented, comparison article, 2026-05-25 (181 days old)"."""
        old = self.age_days is not None and self.age_days > STALE_AFTER_DAYS
        age = f" ({self.age_days} days old)" if old else ""
        return ", ".join(filter(None, (self.cost.basis, self.source, f"{self.as_of}{age}")))


def add_price_flags(parser: argparse.ArgumentParser, *, rent: bool = True) -> None:
    """What one card costs; `rent` also declares the rental rates."""
    group = parser.add_argument_group("price (default: the catalogue's dated quote for the card)")
    if rent:
        group.add_argument("--gpu-hourly-usd", type=money, metavar="USD", help="rent of one GPU per hour")
        group.add_argument(
            "--node-hourly-usd", type=money, metavar="USD", help="rent of all the GPUs per hour"
        )
    group.add_argument(
        "--purchase-usd",
        type=money,
        metavar="USD",
        help="owned: price of one GPU and its part of the machine",
    )
    group.add_argument(
        "--lifetime-years",
        type=money,
        metavar="YEARS",
        help=f"owned: written off over; default {_DEFAULT_LIFETIME_YEARS}",
    )
    group.add_argument(
        "--residual-usd",
        type=money_or_zero,
        metavar="USD",
        help="owned: value at the end of its life; default 0",
    )
    group.add_argument(
        "--region",
        metavar="NAME",
        help='tariff and carbon of a region\'s electricity, as far as they are known, such as "US New York" or France',
    )
    group.add_argument(
        "--electricity-usd-per-kwh", type=money_or_zero, metavar="USD", help="owned: price of electricity"
    )
    group.add_argument(
        "--watts", type=money, metavar="W", help="owned: drawn by a working GPU; default its rated power"
    )
    group.add_argument(
        "--idle-watts",
        type=money_or_zero,
        metavar="W",
        help="owned: drawn by a waiting GPU; default: unknown",
    )
    group.add_argument(
        "--pue",
        type=money,
        metavar="RATIO",
        help="owned: the building's energy over the GPUs'; default 1",
    )
    group.add_argument(
        "--overhead-usd-per-month", type=money_or_zero, metavar="USD", help="owned: hosting and staff per GPU"
    )


def add_answer_flags(parser: argparse.ArgumentParser) -> None:
    """The form of the answer."""
    group = parser.add_argument_group("answer")
    group.add_argument("--format", choices=("text", "json", "markdown"), default="text", help="default: text")
    group.add_argument(
        "--currency", metavar="CODE", help="show amounts in another currency, such as EUR; needs a rate"
    )
    group.add_argument(
        "--usd-per-unit", type=money, metavar="RATE", help="dollars that one unit of it costs, such as 1.08"
    )


def chosen_currency(args: argparse.Namespace) -> Currency:
    """BadInputError where it has no rate."""
    return currency(args.currency, args.usd_per_unit)


def owned_terms(args: argparse.Namespace, card: Card) -> OwnedTerms | None:
    """The flags' terms for one card; None without a purchase price. BadInputError for flags that need one."""
    if args.purchase_usd is None:
        only = _OWNED_ONLY if args.region else (*_OWNED_ONLY, *_OWNED_OR_CARBON)
        reject_flags(args, only, "is a term of an owned card: give --purchase-usd too")
        return None
    usd_per_kwh = _usd_per_kwh(args)
    return OwnedTerms(
        purchase_usd=args.purchase_usd,
        lifetime_years=args.lifetime_years or Fraction(_DEFAULT_LIFETIME_YEARS),
        residual_usd=args.residual_usd or Fraction(0),
        usd_per_kwh=usd_per_kwh,
        watts=_watts(args, card, is_needed=usd_per_kwh is not None),
        idle_watts=args.idle_watts,
        pue=args.pue or Fraction(1),
        overhead_usd_per_month=args.overhead_usd_per_month or Fraction(0),
    )


def reject_flags(args: argparse.Namespace, names: Iterable[str], why: str) -> None:
    """BadInputError that says why the first of these flags is out of place; nothing where none was given."""
    given = next((name for name in names if getattr(args, name) is not None), None)
    if given is not None:
        raise BadInputError(f"--{given.replace('_', '-')} {why}")


def reject_owned_terms(args: argparse.Namespace, why: str) -> None:
    """The same for every term of an owned card."""
    reject_flags(args, ("purchase_usd", *_OWNED_ONLY, *_OWNED_OR_CARBON, "region"), why)


def priced_cards(args: argparse.Namespace, card: Card, count: int, today: date) -> PricedCards:
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
        return PricedCards(HourlyCost(count, owned=owned), "flag --purchase-usd")
    if args.node_hourly_usd is not None:
        return PricedCards(HourlyCost(count, rental_usd=args.node_hourly_usd), "flag --node-hourly-usd")
    if args.gpu_hourly_usd is not None:
        return PricedCards(HourlyCost(count, rental_usd=args.gpu_hourly_usd * count), "flag --gpu-hourly-usd")
    return catalogue_price(card, count, today)


def catalogue_price(card: Card, count: int, today: date) -> PricedCards:
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
        found["usd_per_gpu_hour"] = cost.rental_usd / cost.cards
    if priced.as_of:
        found["as_of"] = priced.as_of
    if priced.age_days is not None:
        found |= {"age_days": priced.age_days, "stale": priced.age_days > STALE_AFTER_DAYS}
    return found


def money(text: str) -> Fraction:
    """An argument above 0."""
    return _argument(above_zero, text)


def money_or_zero(text: str) -> Fraction:
    """An argument of at least 0."""
    return _argument(at_least_zero, text)


def _argument(read: Callable[[str, str], Fraction], text: str) -> Fraction:
    try:
        return read(text, "")
    except BadInputError as fault:
        raise argparse.ArgumentTypeError(str(fault).strip()) from None


def gco2e_per_hour(args: argparse.Namespace, card: Card, count: int) -> Fraction | None:
    """Of `count` working cards on the named region's grid; None without a region whose carbon is known."""
    grams = None if args.region is None else find_region(args.region).gco2e_per_kwh
    if grams is None:
        return None
    return _watts(args, card, is_needed=True) / 1000 * (args.pue or 1) * grams * count


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


def _watts(args: argparse.Namespace, card: Card, *, is_needed: bool) -> Fraction:
    """As stated, else rated. A second-hand rating is no default: BadInputError where the figure hangs on it."""
    if args.watts is not None:
        return Fraction(args.watts)
    if card.tdp_watts is not None and card.is_verified("tdp_watts"):
        return Fraction(card.tdp_watts)
    if is_needed:
        known = f"{card.tdp_watts:g} W is second-hand" if card.tdp_watts else "is not in the catalogue"
        raise BadInputError(f"the rated power of a {card.name} {known}: give --watts")
    return Fraction(args.idle_watts or 0)
