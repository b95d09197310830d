"""The flags that say what a card costs, rented or owned, and in which currency and form the answer is shown."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from fractions import Fraction

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.currency import Currency, currency
from vllm_costmeter.core.pricing.money import above_zero, at_least_zero

OWNED_ONLY = (
    "lifetime_years",
    "residual_usd",
    "electricity_usd_per_kwh",
    "overhead_usd_per_month",
    "idle_watts",
)
OWNED_OR_CARBON = ("watts", "pue")  # a region's carbon needs them for a rented card too
DEFAULT_LIFETIME_YEARS = 3  # the comparison of 25 May 2026, and a common accounting life of servers


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
        help=f"owned: written off over; default {DEFAULT_LIFETIME_YEARS}",
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
        "--overhead-usd-per-month",
        type=money_or_zero,
        metavar="USD",
        help="owned: hosting and staff per server, whatever its number of GPUs",
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


def reject_flags(args: argparse.Namespace, names: Iterable[str], why: str) -> None:
    """BadInputError that says why the first of these flags is out of place; nothing where none was given."""
    given = next((name for name in names if getattr(args, name) is not None), None)
    if given is not None:
        raise BadInputError(f"--{given.replace('_', '-')} {why}")


def reject_owned_terms(args: argparse.Namespace, why: str) -> None:
    """The same for every term of an owned card."""
    reject_flags(args, ("purchase_usd", *OWNED_ONLY, *OWNED_OR_CARBON, "region"), why)


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
