"""`costmeter prices update`: updates the user's catalogue from a public one, after showing the changes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path

from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.api_price import ApiPriceRow
from vllm_costmeter.core.pricing.diff import PriceChange, Quote, changes
from vllm_costmeter.core.pricing.money import exact
from vllm_costmeter.core.pricing.quote import RentalQuote
from vllm_costmeter.outputs.economics import price_diff
from vllm_costmeter.outputs.economics.answer import Format
from vllm_costmeter.sources.catalogue import price_feeds
from vllm_costmeter.sources.catalogue.api_prices import api_prices
from vllm_costmeter.sources.catalogue.load import USER_FILE_VARIABLE, Catalogue
from vllm_costmeter.sources.catalogue.user_file import api_tables, price_tables, write_block
from vllm_costmeter.sources.files.fetch import fetch_text


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `update` other than `--provider`."""
    group = parser.add_argument_group("update")
    group.add_argument("--update", action="store_true", help=argparse.SUPPRESS)
    group.add_argument("place", nargs="?", metavar="FILE-or-URL", help="CSV or JSON of a public catalogue")
    group.add_argument("--from", dest="feed", choices=price_feeds.FEEDS, help="its format")
    group.add_argument("--to", metavar="FILE", help=f"your catalogue file; default: ${USER_FILE_VARIABLE}")
    group.add_argument("--as-of", metavar="DATE", help="date of the prices; default today")
    group.add_argument("--yes", action="store_true", help="write without asking")


@dataclass(frozen=True, slots=True)
class UpdateFlags:
    """The command line."""

    feed: str
    place: str
    provider: str | None
    file: Path
    as_of: str
    yes: bool
    format: Format


def update_flags(args: argparse.Namespace, today: date) -> UpdateFlags:
    """The flags of `update`. BadInputError without a source or a file to write."""
    if args.feed is None or args.place is None:
        raise BadInputError("update needs a source: costmeter prices update --from skypilot lambda/vms.csv")
    if args.format == "csv":
        raise BadInputError("update prints text, json or markdown, not csv")
    return typed(UpdateFlags, args, file=_file(args.to), as_of=_as_of(args.as_of, today))


def answered(flags: UpdateFlags, ask: Callable[[str], bool] | None = None) -> int:
    """Show the changes, then write them if `--yes` was given or the user confirms in the terminal."""
    file, as_of = flags.file, flags.as_of
    text = fetch_text(flags.place)
    catalogue = Catalogue(file if file.exists() else None)
    skipped: list[str] = []
    if flags.feed == "litellm":
        rows = price_feeds.litellm(text, flags.place, _providers(flags.provider), as_of)
        providers = sorted({row.provider for row in rows})
        known = api_prices(catalogue)
        found = changes(_api_quotes(known, providers), _api_quotes(rows, providers))
        yours = {quote.key for quote in _api_quotes([row for row in known if row.from_user], providers)}
        tables, name = api_tables(rows), f"litellm {' '.join(providers)}"
    else:
        read = {"skypilot": price_feeds.skypilot, "gpuhunt": price_feeds.gpuhunt}[flags.feed]
        rented = read(text, flags.place, flags.provider, as_of, catalogue)
        if not rented.rows:
            raise BadInputError(f"{flags.place} has no price of a GPU in the catalogue")
        skipped, providers = sorted(rented.unknown_gpus), sorted({row.provider for row in rented.rows})
        prices = catalogue.prices
        found = changes(_quotes(prices, providers), _quotes(rented.rows, providers))
        yours = {quote.key for quote in _quotes([row for row in prices if row.from_user], providers)}
        tables, name = price_tables(rented.rows), f"{flags.feed} {' '.join(providers)}"
    found = [
        change for change in found if change.after is not None or change.key in yours
    ]  # the package's rows stay
    is_written = bool(flags.yes or _asked(flags, found, ask))
    if is_written:
        write_block(file, name, tables)
    _report(flags, found, is_written, skipped)
    return 0


def _report(
    flags: UpdateFlags, found: Sequence[PriceChange], is_written: bool, skipped: Sequence[str]
) -> None:
    file = flags.file
    if flags.format == "json":
        kind = "api" if flags.feed == "litellm" else "rental"
        print(
            price_diff.values(found, kind=kind, file=str(file), is_written=is_written, skipped=skipped),
            end="",
        )
        return
    if flags.yes or not sys.stdin.isatty():
        print(_difference(flags, found), end="")
    if skipped:
        print(f"skipped, not in the catalogue: {', '.join(skipped)}")
    print(f"written to {file}" if is_written else "nothing written; write it with --yes")
    if is_written and os.environ.get(USER_FILE_VARIABLE) != str(file):
        print(f"to use it: export {USER_FILE_VARIABLE}={file}")


def _difference(flags: UpdateFlags, found: Sequence[PriceChange]) -> str:
    return price_diff.text(found, markdown=flags.format == "markdown") if found else "no price has changed\n"


def _asked(flags: UpdateFlags, found: Sequence[PriceChange], ask: Callable[[str], bool] | None) -> bool:
    if flags.format == "json" or (ask is None and not sys.stdin.isatty()):
        return False
    print(_difference(flags, found), end="")
    return (ask or _ask_terminal)(f"write {flags.file}? [y/N] ")


def _ask_terminal(question: str) -> bool:
    return input(question).strip().lower() in ("y", "yes")


def _file(to: str | None) -> Path:
    name = to or os.environ.get(USER_FILE_VARIABLE, "")
    if not name:
        raise BadInputError(
            f"no file to update: give --to FILE or set {USER_FILE_VARIABLE}; the package's own rows never change"
        )
    return Path(name)


def _as_of(text: str | None, today: date) -> str:
    if text is None:
        return today.isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise BadInputError(f"--as-of must be a date such as 2026-11-22, got {text[:40]!r}") from None


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
