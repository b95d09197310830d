"""`costmeter gpus`: the cards of the catalogue, or one card with the source of every fact."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.pricing.quote import RentalQuote
from vllm_costmeter.outputs.economics import gpu_listing
from vllm_costmeter.sources.catalogue.load import find_gpu, load_catalogue

EXAMPLES = """\
examples:
  4090 or H100: what can each do, and who says so?
    costmeter gpus "RTX 4090"
    costmeter gpus "H100 SXM"
  all cards, and with your own among them
    costmeter gpus
    costmeter gpus --vendor amd --memory-at-least 24
    COSTMETER_CATALOGUE=mine.toml costmeter gpus

mine.toml corrects or adds cards and prices:
  [[card]]
  name = "RTX 4090"
  memory_gib = 23.55

  [[price]]
  gpu = "RTX 4090"
  provider = "our rack"
  usd_per_gpu_hour = 0.21
  as_of = "2026-11"
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "gpus",
        usage="costmeter gpus [NAME] [--vendor nvidia|amd|intel] [--memory-at-least GIB] [--with-price] "
        "[--format text|json|markdown]",
        description="List the cards of the catalogue; with a name, every fact of that card and where it was read.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("name", nargs="?", help='a card: "RTX 4090", h100, "NVIDIA A100-SXM4-80GB"')
    parser.add_argument("--vendor", choices=("nvidia", "amd", "intel"), help="list this maker's alone")
    parser.add_argument(
        "--memory-at-least", type=float, metavar="GIB", help="list those that show a process so much"
    )
    parser.add_argument("--with-price", action="store_true", help="list those with a default rental price")
    parser.add_argument(
        "--format", choices=("text", "json", "markdown"), default="text", help="default: text"
    )


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Print the cards; BadInputError for an unknown name."""
    today = today or datetime.now(UTC).date()
    catalogue = load_catalogue()
    cards = catalogue.cards if args.name is None else (find_gpu(args.name),)
    prices = {card.name: catalogue.default_price(card) for card in cards}
    cards = tuple(card for card in cards if _is_wanted(card, prices[card.name], args))
    if not cards:
        raise BadInputError("no card is all that was asked for: leave out a filter")
    if args.format == "json":
        text = gpu_listing.listing_json(cards, prices, today)
    elif args.name is not None:
        text = gpu_listing.facts_text(
            cards[0], prices[cards[0].name], today, markdown=args.format == "markdown"
        )
    elif args.format == "markdown":
        text = gpu_listing.listing_markdown(cards, prices, today)
    else:
        text = gpu_listing.listing_text(cards, prices, today)
    print(text, end="")
    return 0


def _is_wanted(card: GpuSpec, price: RentalQuote | None, args: argparse.Namespace) -> bool:
    return (
        args.vendor in (None, card.vendor)
        and (card.memory_bytes or 0) >= (args.memory_at_least or 0) * GIB
        and (price is not None or not args.with_price)
    )
