"""`costmeter prices`: rental quotes by GPU and provider, dated, and which of them is the default."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from typing import Any

from vllm_costmeter.cli.economics import prices_update
from vllm_costmeter.cli.economics.answer_flags import add_format_flag
from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.pricing.quote import RentalQuote
from vllm_costmeter.outputs.economics import price_listing
from vllm_costmeter.outputs.economics.answer import Format
from vllm_costmeter.sources.catalogue.load import Catalogue, load_catalogue, parse_gpu

EXAMPLES = """\
examples:
  4090 or H100: what does an hour of each cost?
    costmeter prices --gpu "RTX 4090"
    costmeter prices --gpu "H100 SXM" --provider runpod
  today's prices, from a public catalogue's file or URL
    costmeter prices update --from skypilot catalogs/v8/lambda/vms.csv --to mine.toml
    costmeter prices update --from gpuhunt runpod.csv --to mine.toml --yes
    costmeter prices update --from litellm model_prices_and_context_window.json --provider deepinfra --to mine.toml
  your own rows; `costmeter gpus --help` shows their form
    COSTMETER_CATALOGUE=mine.toml costmeter prices

The default price of a GPU is its newest verified on-demand quote, the cheapest of that date; your
rows come first. Unverified quotes (estimates, indexes, contradicted quotes) are listed but never used.
"""


@dataclass(frozen=True, slots=True)
class PricesFlags:
    """The command line without `update`."""

    gpu: str | None
    provider: str | None
    format: Format


ACTIONS = ("update", "export")


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "prices",
        usage="costmeter prices [GPU] [--provider NAME] [--format text|json|csv|markdown]\n"
        "       costmeter prices update --from skypilot|gpuhunt|litellm PLACE [--provider NAME] [--to FILE] [--yes]\n"
        "       costmeter prices export --help",
        description="List what renting a GPU costs per hour, with source, date and age.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    prices_update.add_flags(parser)
    parser.add_argument("--gpu", metavar="NAME", help='only this GPU: "RTX 4090", "H100 SXM"')
    parser.add_argument("--provider", metavar="NAME", help="only providers whose name contains this")
    add_format_flag(parser)


def prepare(words: list[str]) -> list[str]:
    """`update` as a flag: argparse cannot tell apart two optional words with flags between them."""
    return ["--update", *words[1:]] if words[:1] == ["update"] else words


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Print the quotes; BadInputError for an unknown GPU or provider."""
    today = today or datetime.now(UTC).date()
    if args.update:
        return prices_update.answered(prices_update.update_flags(args, today))
    if args.place is not None and (action := nearest(args.place, ACTIONS, 1, 0.7)):
        raise BadInputError(f"`costmeter prices {args.place[:60]}` is no command{action}")
    if args.place is not None and args.gpu is None:
        args.gpu, args.place = args.place, None  # `costmeter prices L40S`
    if args.place is not None:
        raise BadInputError(f"unexpected argument {args.place!r}; `costmeter prices --help` lists all")
    if args.feed or args.to or args.as_of or args.yes:
        raise BadInputError("--from, --to, --as-of and --yes belong to `costmeter prices update`")
    return _answered(typed(PricesFlags, args), today)


def _answered(flags: PricesFlags, today: date) -> int:
    catalogue = load_catalogue()
    rows = _chosen(catalogue, flags.gpu, flags.provider)
    defaults = {row.gpu: catalogue.default_price(catalogue.find(row.gpu)) for row in rows}
    write = {
        "text": price_listing.prices_text,
        "json": price_listing.prices_json,
        "csv": price_listing.prices_csv,
        "markdown": price_listing.prices_markdown,
    }[flags.format]
    if rows or flags.format in ("json", "csv"):
        print(write(rows, defaults, today), end="")
    else:
        wanted = f"for {parse_gpu(flags.gpu)[0].name}" if flags.gpu else "that matches"
        print(f"the catalogue has no price {wanted}; other commands take one with --gpu-hourly-usd")
    return 0


def _chosen(catalogue: Catalogue, gpu: str | None, provider: str | None) -> list[RentalQuote]:
    rows = list(catalogue.prices if gpu is None else catalogue.quotes(parse_gpu(gpu)[0]))
    if provider is not None:
        names = {row.provider for row in catalogue.prices}
        wanted = {name for name in names if provider.casefold() in name.casefold()}
        if not wanted:
            near = nearest(provider, sorted(names))
            raise BadInputError(
                f"no provider is called {provider!r}{near}; known: {', '.join(sorted(names))}"
            )
        rows = [row for row in rows if row.provider in wanted]
    return sorted(rows, key=lambda row: (row.gpu, row.usd_per_gpu_hour))
