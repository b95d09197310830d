"""`costmeter compare`: plans side by side, buying against renting, and own serving against an API."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from vllm_costmeter.cli.economics import compare_api, price_flags
from vllm_costmeter.cli.economics.plan_building import compared
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.precision import precision
from vllm_costmeter.outputs.economics import answer, compare_answer
from vllm_costmeter.sources.models.packaged import PACKAGED, models_in, named_model
from vllm_costmeter.sources.purchase_plans.file import read_plans
from vllm_costmeter.sources.purchase_plans.text import FORMS, parse_plan

EXAMPLES = f"""\
examples:
  4090, H100, or both? a month of each, and a mix
    costmeter compare --plan "mixed = RTX 4090 160h + H100 SXM 20h" --plan "H100 SXM 720h"
  eight cards, and a training run
    costmeter compare --plan "8x RTX 4090 160h" --plan "H100 SXM 160h" --plan "8x H100 SXM 160h"
    costmeter compare --plan "8x H100 SXM 10h training"
  buy or rent: break-even, sensitivity to utilisation and electricity, and a picture
    costmeter compare --plan "RTX 4090 160h 2550tok/s 50% owned" --plan "RTX 4090 160h 2550tok/s" \\
        --purchase-usd 2000 --electricity-usd-per-kwh 0.15 --plot cost.svg
  own serving against an API, for the tokens a server has really served
    costmeter compare --against api --api-model "Llama 3.1 8B Instruct" --from-metrics http://127.0.0.1:8000/metrics
    costmeter compare --against api --api-model "Llama 3.3 70B Instruct" --tokens 9000000,1000000,2000000 \\
        --gpu "H100 SXM" --hours 24

A plan is [NAME =] CARDS WORDS [+ CARDS WORDS]..., with words {FORMS}.
A file has [[plan]] tables with a name and [[plan.use]] tables (gpu, hours, usd_per_gpu_hour, purchase_usd, ...).

exit codes: 0 answered, 2 bad input
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "compare",
        usage="costmeter compare (--plan PLAN... | --file FILE | --against api --api-model NAME ...) [options]",
        description="Put plans side by side: a month's cost, $/M tokens, what fits, when buying pays.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--plan", metavar="PLAN", action="append", help="a month of deployments; may be repeated"
    )
    parser.add_argument("--file", metavar="FILE", help="plans in a TOML file")
    parser.add_argument(
        "--models",
        metavar="FILE",
        help="which models to try to hold, one per line; default: the package's five",
    )
    parser.add_argument("--quantization", metavar="NAME", default="q4", help="in which precision; default q4")
    parser.add_argument(
        "--bought", type=_day, metavar="DATE", help="the day break-even counts from; default today"
    )
    parser.add_argument("--plot", metavar="FILE", help="also draw: a .png or .svg file")
    compare_api.add_flags(parser)
    price_flags.add_price_flags(parser, rent=False)
    price_flags.add_answer_flags(parser)


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Print the comparison."""
    today = today or datetime.now(UTC).date()
    if args.against == "api":
        return compare_api.run(args, today)
    compare_api.reject_api_flags(args)
    shown = price_flags.chosen_currency(args)
    requests = [*map(parse_plan, args.plan or []), *(read_plans(Path(args.file)) if args.file else [])]
    if not requests:
        raise BadInputError(
            'no plan: give --plan "RTX 4090 160h" or --file; `costmeter compare --help` has examples'
        )
    names = models_in(Path(args.models)) if args.models else list(PACKAGED)
    comparison = compared(requests, args, list(map(named_model, names)), precision(args.quantization), today)
    if args.plot:
        from vllm_costmeter.outputs.economics.plots import draw

        draw(comparison, Path(args.plot), shown)
    if args.format == "json":
        print(answer.document(compare_answer.SCHEMA, compare_answer.values(comparison), shown), end="")
    else:
        write = answer.markdown if args.format == "markdown" else answer.text
        print(write(compare_answer.sections(comparison, shown)), end="")
    return 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a day such as 2026-12-01, got {text[:40]!r}") from None
