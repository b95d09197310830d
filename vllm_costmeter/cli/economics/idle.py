"""`costmeter idle`: what idle GPUs would save, and whom that would delay."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vllm_costmeter.cli.economics.answer_flags import add_format_flag
from vllm_costmeter.cli.economics.idle_sources import (
    DEFAULT_PERIOD,
    IdleFlags,
    gpu_now,
    priced_gpus,
    read_minutes,
)
from vllm_costmeter.cli.economics.idle_times import return_times
from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.core.economics.idle.savings import (
    SHORTEST_TIME_OUT_SECONDS,
    TIME_OUTS_SECONDS,
    model_savings,
)
from vllm_costmeter.core.economics.idle.timeline import Replica
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.periods import duration_seconds
from vllm_costmeter.core.pricing.money import share
from vllm_costmeter.outputs.idle.answer import IdleReport, idle_text, snippets
from vllm_costmeter.outputs.idle.plot import draw_idle
from vllm_costmeter.sources.catalogue.load import load_catalogue

EXAMPLES = """\
examples:
  what did idle servers cost last week, and what would have saved it?
    costmeter idle --from-prometheus http://prometheus:9090 --period 7d
  from this machine's ledger; starting the server takes two minutes
    costmeter idle --period 3d --start-seconds 120 --wake-seconds 3
  only settings that delay at most 1 request in 100, as a KEDA ScaledObject
    costmeter idle --from-prometheus http://prometheus:9090 --start-seconds 90 --max-delayed 1% --snippet keda
  any server's minutes, from a CSV file: start,active_seconds,requests,usd
    costmeter idle --from-samples week.csv --start-seconds 120 --plot idle.png

Savings are replayed from the recorded minutes. What is assumed: docs/idle.md.

exit codes: 0 answered, 2 bad input or nothing in the period
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "idle",
        usage="costmeter idle [--ledger PATH | --from-prometheus URL | --from-samples FILE] [--period 7d] [options]",
        description="What idle GPUs would save by scaling to zero, sleeping, fewer replicas or a cheaper GPU, against "
        "the requests that would wait, and how long.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--ledger",
        action="append",
        metavar="PATH",
        help="a ledger, or a quoted glob of several; repeatable; default: this user's own",
    )
    where.add_argument("--from-prometheus", metavar="URL", help="all servers that it scrapes")
    where.add_argument("--from-samples", metavar="FILE", help="a CSV file with a row for each minute")
    parser.add_argument(
        "--period",
        metavar="TIME",
        help=f"how far back: 12h, 7d, 4w; default: {DEFAULT_PERIOD}; not of a CSV file",
    )
    parser.add_argument(
        "--after",
        action="append",
        default=[],
        metavar="TIME",
        help="a time-out to judge, such as 10m; at least 5m; repeatable; default: 5m to 4h",
    )
    parser.add_argument(
        "--start-seconds", type=_seconds, metavar="S", help="from nothing to serving; default: as measured"
    )
    parser.add_argument(
        "--wake-seconds", type=_seconds, metavar="S", help="from sleep at level 1; default: as measured"
    )
    parser.add_argument(
        "--wake-seconds-level-2",
        type=_seconds,
        metavar="S",
        help="from sleep at level 2; default: as measured",
    )
    parser.add_argument(
        "--request-seconds", type=_seconds, metavar="S", help="how long a request runs; default: as measured"
    )
    parser.add_argument(
        "--max-delayed",
        default="5%",
        metavar="SHARE",
        help="of the requests that the recommended settings may delay; default: 5%%",
    )
    parser.add_argument(
        "--gpu", metavar="NAME", help="the GPU, where the source does not say; with one model only"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw the time-outs, as .png or .svg")
    parser.add_argument(
        "--snippet", choices=("keda", "sleep"), help="print only a KEDA ScaledObject or a vLLM sleep script"
    )
    add_format_flag(parser)


def run(args: argparse.Namespace, now: datetime | None = None) -> int:
    """Print the savings."""
    flags = typed(IdleFlags, args)
    if flags.from_samples is not None and flags.period is not None:
        raise BadInputError("--period is for a ledger or a Prometheus: all minutes of a CSV file are read")
    if flags.snippet is not None and flags.format != "text":
        raise BadInputError("--snippet prints one configuration as text; --format json alone has both kinds")
    report = _report(flags, now or datetime.now(UTC))
    if flags.plot is not None:
        draw_idle(report.models, flags.plot)
    if flags.snippet is None:
        sys.stdout.write(idle_text(report, flags.format))
        return 0
    found = list(snippets(report, flags.snippet))
    if not found:
        raise BadInputError(
            f"no time-out saves without delaying more than {flags.max_delayed} of the requests: allow more with "
            "--max-delayed"
        )
    for model in report.models:
        times = model.times
        needed = (times.start,) if flags.snippet == "keda" else (times.level_1, times.level_2)
        if all(each is None for each in needed):
            stating = "--start-seconds" if flags.snippet == "keda" else "--wake-seconds"
            sys.stderr.write(
                f"note: {model.model_name}: how long a request then waits is not known ({stating}), so more of them "
                "may wait than --max-delayed allows\n"
            )
    sys.stdout.write("---\n".join(found))
    return 0


def _report(flags: IdleFlags, now: datetime) -> IdleReport:
    most_delayed = float(share(flags.max_delayed, "--max-delayed"))
    time_outs = sorted({duration_seconds(text, "--after") for text in flags.after}) or TIME_OUTS_SECONDS
    if time_outs[0] < SHORTEST_TIME_OUT_SECONDS:
        raise BadInputError(f"--after must be at least 5m, which minutes can tell, got {flags.after[0]!r}")
    read = read_minutes(flags, now)
    by_model: dict[str, list[Replica]] = {}
    for replica in read.replicas:
        if replica.steps:
            took = flags.request_seconds or replica.request_seconds
            by_model.setdefault(replica.model_name, []).append(replica._replace(request_seconds=took))
    if not by_model:
        raise BadInputError(
            f"{read.source} has no metered server from {read.since:%Y-%m-%d %H:%MZ} to {read.until:%Y-%m-%d %H:%MZ}: "
            "--period says how far back to look"
        )
    if flags.gpu is not None and len(by_model) > 1:
        raise BadInputError(f"--gpu is for one model, and {read.source} has {len(by_model)}")
    unpriced = sorted(name for name, each in by_model.items() if not any(replica.usd > 0 for replica in each))
    for name in unpriced:
        del by_model[name]
    if not by_model:
        raise BadInputError(f"nothing in {read.source} has a price, so there is nothing to save")
    notes = [*read.notes, *(f"{name} has no price, so nothing to save." for name in unpriced)]
    catalogue = load_catalogue()
    others = list(priced_gpus(catalogue))
    stated = (flags.start_seconds, flags.wake_seconds, flags.wake_seconds_level_2)
    models = [
        model_savings(
            replicas,
            return_times(name, stated, read.measured),
            time_outs,
            gpu_now(catalogue, replicas, flags.gpu),
            others,
        )
        for name, replicas in by_model.items()
    ]
    models.sort(key=lambda model: -model.usd * model.idle_share)
    return IdleReport(
        read.since,
        read.until,
        read.source,
        models,
        most_delayed,
        flags.from_prometheus,
        notes,
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"must be 0 to 86400 seconds, got {text[:40]!r}")
    return seconds
