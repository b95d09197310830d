"""`costmeter prices export`: measured prices per token, in the formats of programs that keep such prices."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.cli.ledger_rows import own_ledger, read_ledgers
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.token_prices import (
    CACHED_RULES,
    IDLE_RULES,
    CachedRule,
    IdleRule,
    ModelSpend,
    spend_of_ledgers,
)
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.periods import duration_seconds
from vllm_costmeter.outputs.prices_export.export import PriceExport, export_json, notes, price_export
from vllm_costmeter.outputs.prices_export.langfuse import langfuse_json
from vllm_costmeter.outputs.prices_export.litellm import litellm_json
from vllm_costmeter.sources.files.replaced import replace_file
from vllm_costmeter.sources.ledger.read import ledger_paths
from vllm_costmeter.sources.servers.spend import spend_over, spend_since_start

EXAMPLES = """\
examples:
  what did a token cost in the last day? from this machine's ledger, for LiteLLM
    costmeter prices export --to litellm --output vllm_prices.json
  of a fleet, over a week, kept fresh every ten minutes
    costmeter prices export --to litellm --from-prometheus http://prometheus:9090 --period 7d \\
        --output vllm_prices.json --watch 600
  of one server since its start, as Langfuse's model definitions
    costmeter prices export --to langfuse --from-metrics http://localhost:8000/metrics

Prices x tokens of the period = its bill: prefill is paid by computed prompt tokens, decode by generated ones, idle and
sleeping time by both in the same proportion; cached prompt tokens cost 0. How to load the file: docs/prices_export.md.

exit codes: 0 written, 2 bad input, nothing to price, or a file that exists (--force overwrites)
"""
WRITERS: dict[str, Callable[[PriceExport], str]] = {
    "litellm": litellm_json,
    "langfuse": langfuse_json,
    "json": export_json,
}
DEFAULT_PERIOD, DEFAULT_WATCH_SECONDS = "1d", 300


@dataclass(frozen=True, slots=True)
class ExportFlags:
    """The command line."""

    to: str
    from_ledger: list[str] | None
    from_prometheus: str | None
    from_metrics: str | None
    period: str | None
    idle: IdleRule
    cached: CachedRule
    output: Path | None
    watch: float | None
    force: bool


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "prices export",
        usage="costmeter prices export --to litellm|langfuse|json [--from-ledger [PATH] | --from-prometheus URL | "
        "--from-metrics URL]\n       [--period 1d] [--output FILE] [--watch [SECONDS]] [--force]",
        description="Write what an input, a cached input and an output token cost in the last period.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--to", choices=tuple(WRITERS), required=True, help="the format")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--from-ledger",
        action="append",
        nargs="?",
        const="",
        metavar="PATH",
        help="a ledger, or a quoted glob of several; repeatable; default: this user's own",
    )
    where.add_argument("--from-prometheus", metavar="URL", help="all servers that it scrapes")
    where.add_argument("--from-metrics", metavar="URL", help="one running server, since its start")
    parser.add_argument("--period", metavar="TIME", help="how far back: 90m, 24h, 7d, 4w; default: 1d")
    parser.add_argument(
        "--idle",
        choices=IDLE_RULES,
        default="include",
        help="whether idle and sleeping time is in the prices; default: include, so that they add up to the bill",
    )
    parser.add_argument(
        "--cached",
        choices=CACHED_RULES,
        default="free",
        help="free: a cached prompt token costs 0, what it takes to compute; as-input: as much as a computed one, for "
        "gateways to which vLLM does not report cached tokens; default: free",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=DEFAULT_WATCH_SECONDS,
        metavar="SECONDS",
        help=f"write the file again and again, until Ctrl-C; default: every {DEFAULT_WATCH_SECONDS} s",
    )
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")


def run(
    args: argparse.Namespace,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Write the prices, with --watch until it is interrupted."""
    flags = typed(ExportFlags, args)
    _refuse_contradictions(flags)
    told: set[str] = set()
    export = _written(flags, clock(), told)
    if flags.output is not None:
        print(f"wrote {flags.output}: {len(list(export.by_name()))} names, {export.period}", flush=True)
    while flags.watch is not None:
        sleep(flags.watch)
        try:
            _written(flags, clock(), told)
        except BadInputError as fault:
            print(f"costmeter: {fault}; {flags.output} stays as it is", file=sys.stderr, flush=True)
    return 0


def _refuse_contradictions(flags: ExportFlags) -> None:
    if flags.from_metrics is not None and flags.period is not None:
        raise BadInputError(
            "--from-metrics has a server's totals since its start, not of a --period: ask a ledger or a Prometheus"
        )
    if flags.output is None:
        if flags.watch is not None:
            raise BadInputError("--watch needs --output FILE, which it keeps fresh")
        return
    if flags.output.is_dir():
        raise BadInputError(f"--output {flags.output} is a folder: name a file in it")
    if os.path.lexists(flags.output) and not flags.force:
        raise BadInputError(f"{flags.output} exists: nothing was written; --force overwrites")


def _written(flags: ExportFlags, now: datetime, told: set[str]) -> PriceExport:
    """Writes the prices, and to standard error what was not told before, with whatever amounts."""
    export = _export(flags, now)
    if not export.models:
        why = "; ".join(f"{name}: {reason}" for name, reason in export.absent) or "it has no model"
        raise BadInputError(f"nothing to price from {export.period} ({export.source}): {why}")
    text = WRITERS[flags.to](export)
    if flags.output is None:
        sys.stdout.write(text)
    else:
        try:
            replace_file(flags.output, text)
        except OSError as fault:
            why = fault.strerror or str(fault)
            raise BadInputError(f"--output {flags.output} cannot be written: {why}") from None
    for note in notes(export):
        if (kind := _without_amounts(note)) not in told:
            told.add(kind)
            print(note, file=sys.stderr, flush=True)
    return export


def _without_amounts(note: str) -> str:
    """The same for a note that says the same with another amount, which changes every time."""
    about, _, said = note.rpartition(": ")
    return f"{about}: {re.sub(r'[0-9][0-9,.]*', '', said)}"


def _export(flags: ExportFlags, now: datetime) -> PriceExport:
    period = flags.period or DEFAULT_PERIOD
    since = None if flags.from_metrics else now - timedelta(seconds=duration_seconds(period, "--period"))
    source, spends = _spends(flags, period, since, now)
    return price_export(spends, source, since=since, until=now, idle=flags.idle, cached=flags.cached)


def _spends(
    flags: ExportFlags, period: str, since: datetime | None, now: datetime
) -> tuple[Literal["metrics", "prometheus", "ledger"], list[ModelSpend]]:
    """The kind of source (never its address, which the file would tell), and what it has."""
    if since is None:
        assert flags.from_metrics is not None
        return "metrics", spend_since_start(flags.from_metrics)
    if flags.from_prometheus is not None:
        return "prometheus", spend_over(flags.from_prometheus, period.strip().lower())
    named = [path or str(own_ledger("--from-ledger")) for path in flags.from_ledger or [""]]
    found = read_ledgers(ledger_paths(named), since, now, None, "adapter")
    return "ledger", spend_of_ledgers(found.rows, found.shares)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"must be 1 to 86400 seconds, got {text[:40]!r}")
    return seconds
