"""The flags of `costmeter recommend`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from vllm_costmeter.cli.economics.answer_flags import AnswerFlags, add_answer_flags, answer_flags
from vllm_costmeter.cli.economics.price_flags import PriceFlags, add_price_flags, money
from vllm_costmeter.cli.economics.recommend_values import budget, goal, per_second
from vllm_costmeter.cli.economics.typed_flags import given, typed
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.plan import HOURS_IN_LONGEST_MONTH
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.ownership import HOURS_PER_MONTH
from vllm_costmeter.core.serving.goals import ServiceLevel
from vllm_costmeter.core.serving.links import LINKS
from vllm_costmeter.core.serving.load import Requests
from vllm_costmeter.core.serving.trace import Trace
from vllm_costmeter.sources.files.fetch import is_url
from vllm_costmeter.sources.load_traces.read import read_trace
from vllm_costmeter.sources.serve_args.flag_values import whole

MOST_GPUS = 64
FILES = ("compose", "kubernetes")
_ADDED_LENGTH = 2
"""--max-model-len over the mean length of a request, where only means are known."""
_LENGTH_STEP = 1024


@dataclass(frozen=True, slots=True)
class RecommendFlags:
    """The command line."""

    model: str
    requests: Requests
    longest_tokens: int
    """That a request may have: --max-model-len."""
    per_second: float | None
    trace: Trace | None
    budget: Fraction | None
    level: ServiceLevel
    hours: Fraction
    gpus: str | None
    owned: list[str]
    max_gpus: int
    quantizations: str
    link: str | None
    spot: bool
    rows: int
    speculative_config: Mapping[str, Any] | None
    write: tuple[str, Path] | None
    price: PriceFlags
    answer: AnswerFlags


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument(
        "model", metavar="MODEL", help='a folder, a config.json, a Hub id, or a name such as "Llama 3.3 70B"'
    )
    load = parser.add_argument_group("load")
    load.add_argument("--rate", metavar="N/s", help="requests that arrive: 20/s, 1200/min, 1.7M/day")
    load.add_argument("--prompt-tokens", type=whole, metavar="N", help="per request, on average")
    load.add_argument("--output-tokens", type=whole, metavar="N", help="per request, on average")
    load.add_argument(
        "--trace",
        metavar="FILE|URL",
        help="CSV or JSON lines with arrival_seconds, prompt_tokens, output_tokens; or a server's /metrics",
    )
    load.add_argument(
        "--cached-share",
        type=_share,
        metavar="SHARE",
        help="of prompts, in the prefix cache: 0.3",
    )
    load.add_argument(
        "--max-model-len", type=whole, metavar="N", help="longest request; default: twice the mean"
    )
    goals = parser.add_argument_group("goals")
    goals.add_argument("--ttft", metavar="TIME", help="time to first token: 1s@p95, 800ms (p95), 1s@mean")
    goals.add_argument("--tpot", metavar="TIME", help="time per further token: 50ms@p95")
    goals.add_argument(
        "--budget", metavar="USD/month", help="instead of --rate: the most load for 2000/month"
    )
    choice = parser.add_argument_group("choice")
    choice.add_argument(
        "--gpus", metavar="NAMES", help='default: all with a price; "H100 SXM, B300 SXM@7.50"'
    )
    choice.add_argument("--max-gpus", type=whole, default=MOST_GPUS, metavar="N", help=f"default {MOST_GPUS}")
    choice.add_argument(
        "--quantizations",
        metavar="NAMES",
        default="as-published,fp8,awq",
        help="default: as-published,fp8,awq",
    )
    choice.add_argument("--link", metavar="NAME", help=f"what joins the GPUs: {', '.join(LINKS)}")
    choice.add_argument(
        "--speculative-config",
        metavar="JSON",
        help="as in vLLM; needs --accepted-tokens and is part of every row",
    )
    choice.add_argument(
        "--accepted-tokens", type=float, metavar="N", help="draft tokens accepted per step, as measured: 1.2"
    )
    choice.add_argument("--rows", type=whole, default=10, metavar="N", help="default 10")
    price = parser.add_argument_group("price")
    price.add_argument(
        "--hours", type=money, default=Fraction(HOURS_PER_MONTH), metavar="H", help="per month; default 730"
    )
    price.add_argument("--spot", action="store_true", help="spot prices where the catalogue has them")
    price.add_argument(
        "--owned",
        action="append",
        default=[],
        metavar="GPUS",
        help='GPUs you have, such as "4x RTX 4090": offered too, at the terms below, or for their electricity',
    )
    add_price_flags(parser, rent=False)
    parser.add_argument(
        "--write", nargs=2, metavar=("KIND", "FILE"), help=f"the first row as a file: {' or '.join(FILES)}"
    )
    add_answer_flags(parser)


def _share(text: str) -> float:
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 1, such as 0.3, got {text!r:.40}")
    return number


def recommend_flags(args: argparse.Namespace) -> RecommendFlags:
    """The flags, checked against each other. BadInputError in one line."""
    trace = None if args.trace is None else _trace(args)
    speculative = _speculative(args)
    if trace is None:
        for name in ("prompt_tokens", "output_tokens"):
            if getattr(args, name) is None:
                raise BadInputError(f"no lengths: give --{name.replace('_', '-')}, or a --trace")
    prompt, output = (
        (trace.prompt_tokens, trace.output_tokens) if trace else (args.prompt_tokens, args.output_tokens)
    )
    cached = args.cached_share if args.cached_share is not None else (trace and trace.cached_share) or 0.0
    requests = Requests(prompt, output, min(cached, 0.99), args.accepted_tokens or 0.0)
    if args.max_gpus < 1 or args.rows < 1:
        raise BadInputError("--max-gpus and --rows must be at least 1")
    if args.hours > HOURS_IN_LONGEST_MONTH:
        raise BadInputError(f"--hours {float(args.hours):g}: a month has at most {HOURS_IN_LONGEST_MONTH}")
    write = None if args.write is None else _write(*args.write)
    level = ServiceLevel(
        None if args.ttft is None else goal(args.ttft, "--ttft"),
        None if args.tpot is None else goal(args.tpot, "--tpot"),
    )
    return typed(
        RecommendFlags,
        args,
        requests=requests,
        longest_tokens=_longest(args, requests, trace),
        per_second=_rate(args, trace),
        trace=trace,
        budget=None if args.budget is None else budget(args.budget),
        level=level,
        speculative_config=speculative,
        write=write,
        price=typed(PriceFlags, args),
        answer=answer_flags(args),
    )


def _trace(args: argparse.Namespace) -> Trace:
    doubled = given(args, ("rate", "prompt_tokens", "output_tokens"))
    if doubled:
        raise BadInputError(f"{' and '.join(doubled)} and --trace both state the load: keep one")
    if is_url(args.trace):
        from vllm_costmeter.sources.load_traces.server import trace_of_server

        return trace_of_server(args.trace)
    return read_trace(Path(args.trace))


def _rate(args: argparse.Namespace, trace: Trace | None) -> float | None:
    if args.budget is not None:
        if args.rate is not None:
            raise BadInputError(
                "--rate and --budget contradict each other: one is asked for, the other given"
            )
        return None
    if trace is not None:
        return trace.busy_per_second
    if args.rate is None:
        raise BadInputError("no load: give --rate, as in --rate 20/s, a --trace, or a --budget to spend")
    return per_second(args.rate)


def _longest(args: argparse.Namespace, requests: Requests, trace: Trace | None) -> int:
    mean = requests.prompt_tokens + requests.output_tokens
    least = trace.longest_tokens if trace else int(mean)
    if args.max_model_len is not None:
        asked = int(args.max_model_len)
        if asked < least:
            raise BadInputError(f"--max-model-len {asked:,} is below the {least:,} tokens of a request")
        return asked
    wanted = trace.longest_tokens if trace else _ADDED_LENGTH * mean
    return int(-(-wanted // _LENGTH_STEP) * _LENGTH_STEP)


def _speculative(args: argparse.Namespace) -> Mapping[str, Any] | None:
    if (args.speculative_config is None) != (args.accepted_tokens is None):
        raise BadInputError("--speculative-config and --accepted-tokens must be given together")
    if args.speculative_config is None:
        return None
    try:
        found = json.loads(args.speculative_config)
    except (ValueError, RecursionError):
        found = None
    drafted = found.get("num_speculative_tokens") if isinstance(found, dict) else None
    if type(drafted) is not int or drafted < 1:
        raise BadInputError(
            "--speculative-config must be a JSON object with num_speculative_tokens, such as "
            '\'{"method": "ngram", "num_speculative_tokens": 3, "prompt_lookup_max": 4}\''
        )
    if not 0 <= args.accepted_tokens <= drafted:
        raise BadInputError(
            f"--accepted-tokens must be from 0 to the {drafted} drafted, got {args.accepted_tokens:g}"
        )
    return dict(found)


def _write(kind: str, file: str) -> tuple[str, Path]:
    if kind not in FILES:
        raise BadInputError(f"--write takes {' or '.join(FILES)} and a file, got {kind!r:.40}")
    path = Path(file)
    if path.exists():
        raise BadInputError(f"--write: {file} exists: nothing was written; name a new file")
    return kind, path
