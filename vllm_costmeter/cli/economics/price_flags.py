"""The flags for the price of GPUs, rented or owned."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction

from vllm_costmeter.cli.economics.typed_flags import reject_flags
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.money import above_zero, at_least_zero

OWNED_ONLY = (
    "lifetime_years",
    "residual_usd",
    "electricity_usd_per_kwh",
    "overhead_usd_per_month",
    "idle_watts",
)
OWNED_OR_CARBON = ("watts", "pue", "region")  # also needed for the carbon of rented GPUs
DEFAULT_LIFETIME_YEARS = 3  # the comparison of 25 May 2026, and a common accounting life of servers


@dataclass(frozen=True, slots=True)
class PriceFlags:
    """The price as stated; None: not stated. Amounts are per GPU except node price and overhead."""

    gpu_hourly_usd: Fraction | None = None
    node_hourly_usd: Fraction | None = None
    purchase_usd: Fraction | None = None
    lifetime_years: Fraction | None = None
    residual_usd: Fraction | None = None
    region: str | None = None
    electricity_usd_per_kwh: Fraction | None = None
    watts: Fraction | None = None
    idle_watts: Fraction | None = None
    pue: Fraction | None = None
    overhead_usd_per_month: Fraction | None = None


def add_price_flags(parser: argparse.ArgumentParser, *, rent: bool = True) -> None:
    """Declare the price flags; `rent` includes the rental rates."""
    group = parser.add_argument_group("price (default: the catalogue's dated quote for the GPU)")
    if rent:
        group.add_argument("--gpu-hourly-usd", type=money, metavar="USD", help="rental price per GPU-hour")
        group.add_argument(
            "--node-hourly-usd",
            "--usd-per-hour",
            type=money,
            metavar="USD",
            help="rental price per hour of all GPUs",
        )
    else:
        parser.set_defaults(gpu_hourly_usd=None, node_hourly_usd=None)
    group.add_argument(
        "--purchase-usd",
        type=money,
        metavar="USD",
        help="owned: purchase price per GPU, with its share of the machine",
    )
    group.add_argument(
        "--lifetime-years",
        type=money,
        metavar="YEARS",
        help=f"owned: depreciation period; default {DEFAULT_LIFETIME_YEARS}",
    )
    group.add_argument(
        "--residual-usd",
        type=money_or_zero,
        metavar="USD",
        help="owned: value per GPU at the end of its life; default 0",
    )
    group.add_argument(
        "--region",
        metavar="NAME",
        help='region of the electricity supply: tariff ("US New York") or carbon intensity (France)',
    )
    group.add_argument(
        "--electricity-usd-per-kwh", type=money_or_zero, metavar="USD", help="owned: price of electricity"
    )
    group.add_argument(
        "--watts", type=money, metavar="W", help="owned: power of a GPU at work; default: its rated power"
    )
    group.add_argument(
        "--idle-watts", type=money_or_zero, metavar="W", help="owned: power of an idle GPU; default: unknown"
    )
    group.add_argument(
        "--pue",
        type=money,
        metavar="RATIO",
        help="owned: power usage effectiveness, the building's energy over the GPUs'; default 1",
    )
    group.add_argument(
        "--overhead-usd-per-month",
        type=money_or_zero,
        metavar="USD",
        help="owned: hosting, staff and network, per server (not per GPU)",
    )


def reject_owned_terms(flags: PriceFlags, why: str, *, carbon: bool = False) -> None:
    """BadInputError with `why` for a term of owned GPUs; `carbon` allows those needed for carbon."""
    reject_flags(flags, OWNED_ONLY if carbon else (*OWNED_ONLY, *OWNED_OR_CARBON), why)


def money(text: str) -> Fraction:
    """A number above 0; ArgumentTypeError otherwise."""
    return _argument(above_zero, text)


def money_or_zero(text: str) -> Fraction:
    """A number of at least 0; ArgumentTypeError otherwise."""
    return _argument(at_least_zero, text)


def _argument(read: Callable[[str, str], Fraction], text: str) -> Fraction:
    try:
        return read(text, "")
    except BadInputError as fault:
        raise argparse.ArgumentTypeError(str(fault).strip()) from None
