"""`costmeter gate`: whether cost per token rose past a limit between two sets of load-test results."""

from __future__ import annotations

import argparse
import glob
from collections.abc import Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

from vllm_costmeter.cli.economics import price_terms
from vllm_costmeter.cli.economics.answer_flags import add_format_flag
from vllm_costmeter.cli.economics.price_flags import PriceFlags, add_price_flags
from vllm_costmeter.cli.economics.typed_flags import reject_flags, typed
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.bench_run import BenchRun, Per
from vllm_costmeter.core.economics.gate import EXIT_CODES
from vllm_costmeter.core.economics.load_comparison import CostLimit, Terms, compared, gate_verdict
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.pricing.currency import USD
from vllm_costmeter.core.pricing.money import above_zero, exact, share
from vllm_costmeter.outputs.economics import answer, gate_answer
from vllm_costmeter.sources.bench_results.read import bench_runs
from vllm_costmeter.sources.catalogue.load import parse_gpu
from vllm_costmeter.sources.files.fetch import is_url

EXAMPLES = """\
examples:
  did this change make tokens dearer on the 4090 or the H100 that runs the benchmark?
    costmeter gate --baseline main.json current.json --max-usd-per-million +3%
  five runs on each side, as one file each; quote the patterns
    costmeter gate --baseline 'main/run-*.json' 'current/run-*.json' --max-usd-per-million +3%
  in dollars, against the catalogue's price, and a limit in dollars without a baseline
    costmeter gate --baseline 'main/*.json' 'current/*.json' --max-usd-per-million +3% --gpu "H100 SXM"
    costmeter gate 'current/*.json' --max-usd-per-million 0.25 --gpu "2x H100 SXM"
  the change moves from two GPUs to one
    costmeter gate --baseline 'main/*.json' 'current/*.json' --max-usd-per-million +0% --gpu "H100 SXM" \\
        --baseline-gpu "2x RTX 4090"
  one run on each side, where earlier runs showed a standard deviation of 1 % from run to run
    costmeter gate --baseline main.json current.json --max-usd-per-million +5% --noise 1%

Results: `vllm bench serve --save-result` (also appended or from `vllm bench sweep serve`), GuideLLM (benchmarks.json),
inference-perf (stage_N_lifecycle_metrics.json). Runs needed and what the gate can find: docs/gate.md.

exit codes: 0 within the limit, 1 past it, 2 bad input, 3 undecided: too few runs, or too noisy
"""


@dataclass(frozen=True, slots=True)
class GateFlags:
    """The command line."""

    baseline: Sequence[str]
    current: Sequence[str]
    limit: CostLimit
    confidence: float
    noise: float | None
    per: Per
    load: str | None
    gpu: str | None
    baseline_gpu: str | None
    price: PriceFlags
    format: answer.Format


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "gate",
        usage="costmeter gate --baseline FILE [--baseline FILE...] CURRENT... --max-usd-per-million +3%% [options]",
        description="Whether cost per million tokens rose past a limit, from load tests before and after a change.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "results",
        nargs="*",
        metavar="CURRENT",
        help="result files, URLs or quoted patterns, after the change",
    )
    parser.add_argument(
        "--current", action="append", default=[], metavar="FILE", help="the same; may be repeated"
    )
    parser.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="FILE",
        help="one result file, URL or quoted pattern before the change; may be repeated",
    )
    parser.add_argument(
        "--max-usd-per-million",
        metavar="LIMIT",
        help="+3%%: the allowed rise over the baseline; 0.25: the most in USD",
    )
    parser.add_argument(
        "--confidence",
        default="99%",
        metavar="SHARE",
        help="how sure the verdicts within and past must be; default 99%%",
    )
    parser.add_argument(
        "--noise",
        metavar="SHARE",
        help="standard deviation from run to run that earlier runs showed; makes single runs comparable",
    )
    parser.add_argument(
        "--per",
        choices=("generated", "all"),
        default="generated",
        help="tokens that count; default: generated",
    )
    parser.add_argument(
        "--load", metavar="TEXT", help="only runs whose load contains this text, such as throughput"
    )
    parser.add_argument("--gpu", metavar="NAME", help='the GPUs that were measured: "RTX 4090", "H100 SXM:8"')
    parser.add_argument("--baseline-gpu", metavar="NAME", help="those of the baseline, if they were others")
    add_price_flags(parser)
    add_format_flag(parser)


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Print the comparison; the exit code is the verdict."""
    if args.results and args.current:
        raise BadInputError(
            f"{args.results[0]} stands without a flag beside --current: is it a baseline? --baseline takes one file, "
            "or a quoted pattern, and may be repeated"
        )
    flags = typed(
        GateFlags,
        args,
        current=[*args.results, *args.current],
        limit=_limit(args.max_usd_per_million),
        confidence=_confidence(args.confidence),
        noise=None if args.noise is None else float(share(args.noise, "--noise")),
        price=typed(PriceFlags, args),
    )
    return _answered(flags, today or datetime.now(UTC).date())


def _answered(flags: GateFlags, today: date) -> int:
    if not flags.current:
        raise BadInputError(
            "no result after the change: name its files; `costmeter gate --help` has examples"
        )
    if flags.limit.change is not None and not flags.baseline:
        raise BadInputError("a limit in percent needs --baseline: the results before the change")
    if flags.limit.usd_per_million is not None and flags.baseline:
        raise BadInputError("a limit in USD needs no --baseline: leave it out, or give a limit such as +3%")
    after = _priced(flags, flags.gpu, today)
    before = after if flags.baseline_gpu is None else _priced(flags, flags.baseline_gpu, today)
    if after is None and flags.limit.usd_per_million is not None:
        raise BadInputError("a limit in USD needs a price: give --gpu, --gpu-hourly-usd or --node-hourly-usd")
    terms = Terms(
        flags.limit,
        flags.confidence,
        flags.noise,
        flags.per,
        None if before is None else before.cost.usd_per_hour(),
        None if after is None else after.cost.usd_per_hour(),
    )
    found = compared(_runs(flags.baseline, flags.load), _runs(flags.current, flags.load), terms)
    verdict = gate_verdict(found)
    values = gate_answer.values(found, verdict, terms)
    priced = [("baseline", flags.baseline_gpu, before)] if flags.baseline_gpu else []
    notes = []
    for side, name, price in [*priced, ("current", flags.gpu, after)]:
        if price is not None:
            values.setdefault("price", {})[side] = price_terms.price_values(price)
            notes.append(f"price{f' of the {side} side' if priced else ''}: {_in_words(name, price)}")
    section = gate_answer.section(found, verdict, terms, notes)
    print(answer.rendered(flags.format, gate_answer.SCHEMA, values, [section]), end="")
    return EXIT_CODES[verdict]


def _in_words(name: str | None, price: price_terms.PricedGpus) -> str:
    gpus = "" if name is None else f"{counted(parse_gpu(name)[0].name, price.cost.gpus)}, "
    return f"{gpus}{answer.amount(price.cost.usd_per_hour(), USD)} USD per hour, {price.in_words}"


def _priced(flags: GateFlags, name: str | None, today: date) -> price_terms.PricedGpus | None:
    """None without a price: a change in percent needs none."""
    if flags.baseline_gpu is not None:
        reject_flags(
            flags.price, ("node_hourly_usd",), "is one price for both sides: leave --baseline-gpu out"
        )
        if flags.gpu is None:
            raise BadInputError("--baseline-gpu needs --gpu: the GPUs after the change")
    gpu, count = parse_gpu(name) if name else (None, 1)
    stated = price_terms.stated_price(flags.price, gpu, count, today)
    if stated is not None or gpu is None:
        return stated
    return price_terms.catalogue_price(gpu, count, today)


def _runs(places: Sequence[str], load: str | None) -> list[BenchRun]:
    found = [run for place in places for name in _files(place) for run in bench_runs(name)]
    if load is None:
        return found
    chosen = [run for run in found if load.lower() in run.load.lower()]
    if found and not chosen:
        loads = "; ".join(dict.fromkeys(run.load for run in found))
        raise BadInputError(f"--load {load!r} matches none of these: {loads}")
    return chosen


def _files(place: str) -> list[str]:
    """The files of a pattern; the place itself if it is none, so that a missing file is named."""
    if not glob.has_magic(place) or is_url(place):
        return [place]
    found = sorted(glob.glob(place, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)
    return found or [place]


def _limit(text: str | None) -> CostLimit:
    allowed = "a rise such as +3%, or an amount in USD such as 0.25"
    if text is None:
        raise BadInputError(f"--max-usd-per-million is missing: give {allowed}")
    if not text.strip().endswith("%"):
        if text.strip().startswith("+"):
            raise BadInputError(
                f"--max-usd-per-million must be {allowed}, got {text[:40]!r}: is it {text.strip()}%?"
            )
        return CostLimit(usd_per_million=above_zero(text, "--max-usd-per-million"))
    try:
        change = exact(text.strip().removesuffix("%")) / 100
    except ValueError:
        change = Fraction(-1)
    if not -1 < change <= 10:
        raise BadInputError(f"--max-usd-per-million must be {allowed}, got {text[:40]!r}")
    return CostLimit(change=change)


def _confidence(text: str) -> float:
    value = float(share(text, "--confidence"))
    if not 0.5 < value < 1:
        raise BadInputError(f"--confidence must be above 50% and below 100%, got {text[:40]!r}")
    return value
