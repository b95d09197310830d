"""`costmeter report`: what was spent, from the ledgers of servers."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vllm_costmeter.cli.ledger_rows import own_ledger, read_ledgers
from vllm_costmeter.cli.reconcile import add_reconcile_flags, reconcile, refuse_reconcile_flags
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.grouping import GROUPS, OF_SHARES, grouped, groups, step_seconds
from vllm_costmeter.core.ledger.periods import moment
from vllm_costmeter.core.ledger.rows import DAY, HOUR, Extent, UsageRow
from vllm_costmeter.core.ledger.tenants import (
    IDLE_RULES,
    RULE_NOTES,
    IdleDivision,
    idle_division,
    unseen_reservations,
)
from vllm_costmeter.core.ledger.usage import added_up
from vllm_costmeter.outputs.economics.answer import FORMATS
from vllm_costmeter.outputs.report.answer import Report, report_text
from vllm_costmeter.outputs.report.focus import ISSUER, focus_csv
from vllm_costmeter.outputs.report.focus_columns import FOCUS_VERSIONS
from vllm_costmeter.sources.ledger.read import ledger_paths

IDLE_VARIABLE = "COSTMETER_TENANT_IDLE"
EXAMPLES = """\
examples:
  what did this machine's servers cost, in all and by model?
    costmeter report
    costmeter report --by model --since 7d
  November by day, over the ledgers of many servers
    costmeter report --ledger '/mnt/ledgers/*.sqlite3' --since 2026-11 --until 2026-11 --by day
  what idle time cost, model by model
    costmeter report --by model,state --since yesterday --until yesterday
  what each team's requests cost, idle time divided by what they used, or as they have reserved
    costmeter report --by tenant --idle by-use
    costmeter report --by tenant --idle by-reservation --reserved team-a=0.5 --reserved team-b=0.25
  November as a FOCUS bill, hour by hour, for a cost management tool
    costmeter report --since 2026-11 --until 2026-11 --format focus > november.csv
  does the provider's bill agree with what was metered?
    costmeter report --reconcile bill.csv --tolerance 2%

Times are UTC unless they say otherwise. Servers write every five seconds; minutes older than three days are kept as
hours, hours older than 400 days as days.

exit codes: 0 answered, 1 the bill differs by more than the tolerance (--reconcile), 2 bad input
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "report",
        description="What was spent: dollars, GPU hours, tokens, energy and requests of servers with --plugin "
        "costmeter, across restarts.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--ledger",
        action="append",
        metavar="PATH",
        help="a ledger, or a quoted glob of several; repeatable; default: this user's own",
    )
    parser.add_argument(
        "--since", metavar="TIME", help="2026-11-28, 2026-11, yesterday, 7d; default: everything"
    )
    parser.add_argument("--until", metavar="TIME", help="the same, to its end; default: now")
    parser.add_argument(
        "--by", metavar="GROUP[,GROUP]", help=f"{', '.join(GROUPS)}; default: model (FOCUS: hour)"
    )
    parser.add_argument(
        "--idle",
        metavar="RULE",
        help=f"with --by tenant, who pays for idle and asleep time: {', '.join(IDLE_RULES)}; default: apart, or "
        f"{IDLE_VARIABLE}",
    )
    parser.add_argument(
        "--reserved",
        action="append",
        default=[],
        metavar="TENANT=FRACTION",
        help="with --idle by-reservation: the part of the servers that a tenant has reserved; repeatable",
    )
    parser.add_argument("--format", choices=(*FORMATS, "focus"), default="text", help="default: text")
    parser.add_argument(
        "--focus-version",
        choices=FOCUS_VERSIONS,
        help=f"of the FOCUS specification, for tools that read an older one; default: {FOCUS_VERSIONS[0]}",
    )
    parser.add_argument(
        "--focus-account", metavar="NAME", help=f"the billing account in FOCUS; default: {ISSUER}"
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="also draw the cost by day, or by hour with --by hour, stacked by the last group, as .png or .svg",
    )
    add_reconcile_flags(parser)


def run(args: argparse.Namespace, now: datetime | None = None) -> int:
    """Print the report."""
    moment_now = now or datetime.now(UTC)
    since, until = time_range(args.since, args.until, moment_now)
    refuse_reconcile_flags(args)
    if args.reconcile is None and args.format != "focus":
        by = groups(args.by or "model")
        division = _division(args, by)
    paths = ledger_paths(args.ledger or [str(own_ledger())])
    if args.plot is not None and (args.reconcile is not None or args.format == "focus"):
        raise BadInputError("--plot draws a report: leave out --reconcile and --format focus")
    if args.reconcile is not None:
        return reconcile(args, paths, since if args.since else None, until if args.until else None)
    if args.format == "focus":
        sys.stdout.write(_focus(args, paths, since, until))
        return 0
    for flag in ("--focus-version", "--focus-account"):
        if getattr(args, flag[2:].replace("-", "_")) is not None:
            raise BadInputError(f"{flag} needs --format focus")
    report = ledger_report(paths, since, until, by, division)
    if args.plot is not None:
        _plot(args.plot, paths, since, until, by)
    sys.stdout.write(report_text(report, args.format))
    return 0


def _plot(file: Path, paths: Sequence[Path], since: datetime, until: datetime, by: tuple[str, ...]) -> None:
    from vllm_costmeter.outputs.report.plot import draw_report

    time = "hour" if "hour" in by else "day"
    group = next((name for name in reversed(by) if name not in ("day", "hour")), "model")
    rows, shares, _ = read_ledgers(
        paths, since, until, step_seconds((time,)), group if group in OF_SHARES else None
    )
    draw_report(grouped(rows, shares, (time, group)), group, file)


def _focus(args: argparse.Namespace, paths: Sequence[Path], since: datetime, until: datetime) -> str:
    """A FOCUS bill; what it leaves out is said on standard error."""
    if args.by not in (None, "hour", "day"):
        raise BadInputError(
            f"--format focus has a row for each charge: --by is its charge period, hour or day, not {args.by!r}"
        )
    step = DAY if args.by == "day" else HOUR
    found = read_ledgers(paths, since, until, step)
    if (longest := max(extent.longest_row_seconds for extent in found.extents)) > step:
        step, found = longest, read_ledgers(paths, since, until, longest)
        print("Charge periods are days: the oldest rows are one per day.", file=sys.stderr)
    if unpriced := _unpriced(found.rows):
        if all(not row.series.basis for row in found.rows):
            raise BadInputError("nothing in this range has a price, so there is nothing to bill")
        print(f"Without a price, so not in the bill: {', '.join(unpriced)}.", file=sys.stderr)
    version = args.focus_version or FOCUS_VERSIONS[0]
    return focus_csv(found.rows, step, version, args.focus_account or ISSUER)


def time_range(since: str | None, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    """[first, last) as typed; everything until now by default. Raises BadInputError."""
    first = datetime.fromtimestamp(0, UTC) if since is None else moment(since, now, "start", "--since")
    last = now if until is None else moment(until, now, "end", "--until")
    if first >= last:
        raise BadInputError(
            f"--since ({first:%Y-%m-%d %H:%MZ}) must be before --until ({last:%Y-%m-%d %H:%MZ}): the range is empty"
        )
    return first, last


def _division(args: argparse.Namespace, by: tuple[str, ...]) -> IdleDivision:
    if by[-1] != "tenant":
        if args.idle is not None or args.reserved:
            raise BadInputError("--idle and --reserved divide idle cost among tenants: they need --by tenant")
        return IdleDivision()
    given_as = "--idle" if args.idle is not None else IDLE_VARIABLE
    return idle_division(args.idle or os.environ.get(IDLE_VARIABLE) or None, args.reserved, given_as)


def ledger_report(
    paths: Sequence[Path], since: datetime, until: datetime, by: tuple[str, ...], division: IdleDivision
) -> Report:
    """What the ledgers have in the range, by these groups. Raises BadInputError if that is nothing."""
    shares_of = by[-1] if by[-1] in OF_SHARES else None
    rows, shares, extents = read_ledgers(paths, since, until, step_seconds(by), shares_of)
    notes = [*_notes(rows, extents), *([RULE_NOTES[division.rule]] if shares_of == "tenant" else [])]
    if division.reservations:
        ever = read_ledgers(
            paths, datetime.fromtimestamp(0, UTC), max(until, datetime.now(UTC)), None, "tenant"
        )
        unseen = unseen_reservations(division, {row.name for row in ever.shares})
        notes += [f"Reserved, but no ledger has a request of it: {', '.join(unseen)}."] if unseen else []
    first = datetime.fromtimestamp(min(extent.first for extent in extents), UTC)
    last = datetime.fromtimestamp(max(extent.last for extent in extents), UTC)
    return Report(
        max(since, first),
        min(until, last),
        [str(path) for path in paths],
        by,
        grouped(rows, shares, by, division),
        added_up(row.usage for row in rows),
        tuple(notes),
    )


def _unpriced(rows: Sequence[UsageRow]) -> list[str]:
    return sorted({row.series.model_name for row in rows if not row.series.basis})


def _notes(rows: Sequence[UsageRow], extents: Sequence[Extent]) -> list[str]:
    notes = []
    if unpriced := _unpriced(rows):
        notes.append(f"Without a price, so without dollars: {', '.join(unpriced)}.")
    longest = max(extent.longest_row_seconds for extent in extents)
    if longest > 60:
        size = "hour" if longest == 3600 else "day"
        notes.append(f"The oldest rows are one per {size}: a bound within such a row is moved to its start.")
    return notes
