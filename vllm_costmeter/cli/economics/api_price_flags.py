"""The flags for API prices, for every command that compares with an API."""

from __future__ import annotations

import argparse
import math

from vllm_costmeter.outputs.economics.api_prices import DEFAULT, ApiPrices


def usd(text: str) -> float:
    """An amount in USD of at least 0; ArgumentTypeError otherwise."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, got {text!r}")
    return value


def add_api_price_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; without any, one dated price is used."""
    group = parser.add_argument_group("API to compare with", f"default: {DEFAULT.in_words}")
    group.add_argument(
        "--api-input-usd-per-million", type=usd, metavar="USD", help="per million prompt tokens"
    )
    group.add_argument(
        "--api-cached-usd-per-million",
        type=usd,
        metavar="USD",
        help="prompt tokens from its cache; default: as input",
    )
    group.add_argument(
        "--api-output-usd-per-million", type=usd, metavar="USD", help="per million generated tokens"
    )


def api_prices_from(args: argparse.Namespace) -> ApiPrices:
    """The prices given; the rest are the defaults, as the source states."""
    given = {
        name: getattr(args, f"api_{name}")
        for name in ("input_usd_per_million", "cached_usd_per_million", "output_usd_per_million")
        if getattr(args, f"api_{name}") is not None
    }
    if not given:
        return DEFAULT
    complete = {"input_usd_per_million", "output_usd_per_million"} <= given.keys()
    return ApiPrices(**given, source="as given" if complete else f"as given, the rest {DEFAULT.source}")
