"""`costmeter report --reconcile`: the ledger beside a provider's bill."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from vllm_costmeter.cli.ledger_rows import read_ledgers
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.bill import FIELDS, column_names
from vllm_costmeter.core.ledger.reconcile import reconciled
from vllm_costmeter.core.ledger.rows import DAY
from vllm_costmeter.outputs.report.reconciliation import Sides, reconciliation_text
from vllm_costmeter.sources.bills.read import read_bill

DEFAULT_TOLERANCE = "2%"


def add_reconcile_flags(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    group = parser.add_argument_group("a provider's bill")
    group.add_argument(
        "--reconcile",
        type=Path,
        metavar="BILL.csv",
        help="set the ledger beside it, by day and GPU: FOCUS, AWS CUR 2, GCP billing export, or --bill-columns",
    )
    group.add_argument(
        "--bill-columns",
        metavar="FIELD=COLUMN,...",
        help=f"where another bill has {', '.join(FIELDS)}; start and cost are needed",
    )
    group.add_argument(
        "--tolerance",
        metavar="SHARE",
        help=f"the most that a day may differ; default: {DEFAULT_TOLERANCE.replace('%', '%%')}",
    )
    group.add_argument(
        "--without-credits", action="store_true", help="leave lines below 0 out, which are refused otherwise"
    )


def refuse_reconcile_flags(args: argparse.Namespace) -> None:
    """BadInputError for flags that do not go together."""
    if args.reconcile is None:
        for flag, given in (
            ("--bill-columns", args.bill_columns),
            ("--tolerance", args.tolerance),
            ("--without-credits", args.without_credits),
        ):
            if given:
                raise BadInputError(f"{flag} needs --reconcile BILL.csv")
    elif args.by is not None:
        raise BadInputError("--reconcile compares by day and GPU; leave --by out")
    elif args.format == "focus":
        raise BadInputError("--reconcile has no --format focus; choose text, json, csv or markdown")


def reconcile(
    args: argparse.Namespace, paths: Sequence[Path], since: datetime | None, until: datetime | None
) -> int:
    """Print the comparison over whole days; without a range, over the days of the bill. 1 if a day is past the
    tolerance."""
    tolerance = _share(args.tolerance or DEFAULT_TOLERANCE)
    kind, bill, notes = read_bill(
        args.reconcile, column_names(args.bill_columns or ""), credits=not args.without_credits
    )
    if not bill:
        raise BadInputError(f"{args.reconcile} has no line that costs anything")
    first, last = (edge(line.start for line in bill) for edge in (min, max))
    start = since.timestamp() if since else first // DAY * DAY
    end = until.timestamp() if until else (last // DAY + 1) * DAY
    inside = [line for line in bill if start <= line.start < end]
    if not inside:
        raise BadInputError(
            f"{args.reconcile} has no line from {_written(start)} to {_written(end)}; it covers {_written(first)} to "
            f"{_written(last)}"
        )
    bounds = (datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))
    rows = read_ledgers(paths, *bounds, DAY, may_be_nothing=True).rows
    found = reconciled(rows, inside, tolerance, start, end)
    found = found._replace(left_out=(*notes, *found.left_out))
    ledgers = [str(path) for path in paths]
    sides = Sides(str(args.reconcile), kind, ledgers, _written(start), _written(end), tolerance)
    sys.stdout.write(reconciliation_text(found, sides, args.format))
    return 0 if found.within else 1


def _share(text: str) -> float:
    """2% or 0.02."""
    percent = text.strip().endswith("%")
    try:
        found = float(text.strip().removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        found = math.nan
    if not 0 <= found < 1:
        raise BadInputError(f"--tolerance must be a share such as 2% or 0.02, below 100%, got {text!r:.40}")
    return found


def _written(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%MZ}"
