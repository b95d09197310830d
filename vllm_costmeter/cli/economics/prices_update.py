"""`costmeter prices update`: the user's catalogue refreshed from a public one, after a look at the difference."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.api_price import ApiPriceRow
from vllm_costmeter.core.pricing.diff import PriceChange, Quote, changes
from vllm_costmeter.core.pricing.money import exact
from vllm_costmeter.core.pricing.quote import RentalQuote
from vllm_costmeter.outputs.economics import price_diff
from vllm_costmeter.sources.catalogue import price_feeds
from vllm_costmeter.sources.catalogue.api_prices import api_prices
from vllm_costmeter.sources.catalogue.load import USER_FILE_VARIABLE, Catalogue
from vllm_costmeter.sources.catalogue.user_file import api_tables, price_tables, write_block
from vllm_costmeter.sources.files.fetch import fetch_text


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What `update` takes beside `--provider`."""
    group = parser.add_argument_group("update")
    group.add_argument("--update", action="store_true", help=argparse.SUPPRESS)
    group.add_argument("place", nargs="?", metavar="FILE-or-URL", help="the public catalogue's CSV or JSON")
    group.add_argument("--from", dest="feed", choices=price_feeds.FEEDS, help="whose form it has")
    group.add_argument(
        "--to", metavar="FILE", help=f"your catalogue file; default: the one {USER_FILE_VARIABLE} names"
    )
    group.add_argument("--as-of", metavar="DATE", help="when the prices held; default today")
    group.add_argument("--yes", action="store_true", help="write without asking")


def run(args: argparse.Namespace, today: date, ask: Callable[[str], bool] | None = None) -> int:
    """Show the difference, then write it where `--yes` or the person at the terminal says so."""
    if args.feed is None or args.place is None:
        raise BadInputError("update needs a source: costmeter prices update --from skypilot lambda/vms.csv")
    file = _file(args)
    as_of = _as_of(args.as_of, today)
    text = fetch_text(args.place)
    catalogue = Catalogue(file if file.exists() else None)
    skipped: list[str] = []
    if args.feed == "litellm":
        rows = price_feeds.litellm(text, args.place, _providers(args.provider), as_of)
        providers = sorted({row.provider for row in rows})
        known = api_prices(catalogue)
        found = changes(_api_quotes(known, providers), _api_quotes(rows, providers))
        yours = {quote.key for quote in _api_quotes([row for row in known if row.from_user], providers)}
        tables, name = api_tables(rows), f"litellm {' '.join(providers)}"
    else:
        read = {"skypilot": price_feeds.skypilot, "gpuhunt": price_feeds.gpuhunt}[args.feed]
        rented = read(text, args.place, args.provider, as_of, catalogue)
        if not rented.rows:
            raise BadInputError(f"{args.place} has no price of a card that the catalogue knows")
        skipped, providers = sorted(rented.unknown_cards), sorted({row.provider for row in rented.rows})
        prices = catalogue.prices
        found = changes(_quotes(prices, providers), _quotes(rented.rows, providers))
        yours = {quote.key for quote in _quotes([row for row in prices if row.from_user], providers)}
        tables, name = price_tables(rented.rows), f"{args.feed} {' '.join(providers)}"
    found = [
        change for change in found if change.after is not None or change.key in yours
    ]  # the package's rows stay
    is_written = bool(args.yes or _asked(args, found, file, ask))
    if is_written:
        write_block(file, name, tables)
    _tell(args, found, file, is_written, skipped)
    return 0


def _tell(
    args: argparse.Namespace,
    found: Sequence[PriceChange],
    file: Path,
    is_written: bool,
    skipped: Sequence[str],
) -> None:
    if args.format == "json":
        kind = "api" if args.feed == "litellm" else "rental"
        print(
            price_diff.values(found, kind=kind, file=str(file), is_written=is_written, skipped=skipped),
            end="",
        )
        return
    if args.yes or not sys.stdin.isatty():
        print(_difference(args, found), end="")
    if skipped:
        print(f"left out, not in the catalogue: {', '.join(skipped)}")
    print(f"written to {file}" if is_written else "nothing was written: --yes writes it")
    if is_written and os.environ.get(USER_FILE_VARIABLE) != str(file):
        print(f"to use it: export {USER_FILE_VARIABLE}={file}")


def _difference(args: argparse.Namespace, found: Sequence[PriceChange]) -> str:
    return price_diff.text(found, markdown=args.format == "markdown") if found else "no price differs\n"


def _asked(
    args: argparse.Namespace, found: Sequence[PriceChange], file: Path, ask: Callable[[str], bool] | None
) -> bool:
    if args.format == "json" or (ask is None and not sys.stdin.isatty()):
        return False
    print(_difference(args, found), end="")
    return (ask or _ask_terminal)(f"write {file}? [y/N] ")


def _ask_terminal(question: str) -> bool:
    return input(question).strip().lower() in ("y", "yes")


def _file(args: argparse.Namespace) -> Path:
    name = args.to or os.environ.get(USER_FILE_VARIABLE, "")
    if not name:
        raise BadInputError(
            f"no file to update: give --to FILE or set {USER_FILE_VARIABLE}; the package's own rows stay"
        )
    return Path(name)


def _as_of(text: str | None, today: date) -> str:
    if text is None:
        return today.isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise BadInputError(f"--as-of must be a day such as 2026-11-22, got {text[:40]!r}") from None


def _providers(text: str | None) -> list[str]:
    if text:
        return [part.strip() for part in text.split(",") if part.strip()]
    return sorted({row.provider for row in api_prices()})


def _quotes(rows: Iterable[RentalQuote], providers: Sequence[str]) -> list[Quote]:
    return [
        Quote((row.gpu, row.provider, row.term, f"{row.gpus or 1}x"), (exact(row.usd_per_gpu_hour),))
        for row in rows
        if row.provider in providers
    ]


def _api_quotes(rows: Iterable[ApiPriceRow], providers: Sequence[str]) -> list[Quote]:
    found: dict[tuple[str, ...], tuple[Fraction, ...]] = {}
    for row in rows:
        if row.provider in providers:
            usd = (row.input_usd_per_million, row.output_usd_per_million, row.cached)
            found.setdefault((row.provider, row.model), usd)
    return [Quote(key, usd) for key, usd in found.items()]
