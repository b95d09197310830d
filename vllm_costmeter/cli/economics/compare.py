"""`costmeter compare`: plans side by side, buying against renting, and own serving against an API."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from vllm_costmeter.cli.economics import compare_api
from vllm_costmeter.cli.economics.answer_flags import AnswerFlags, add_answer_flags, answer_flags
from vllm_costmeter.cli.economics.price_flags import PriceFlags, add_price_flags
from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.use_request import PlanRequest
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.outputs.economics import answer, compare_answer, compare_document
from vllm_costmeter.sources.purchase_plans.file import read_plans
from vllm_costmeter.sources.purchase_plans.text import FORMS, parse_plan

EXAMPLES = f"""\
examples:
  4090, H100, or both? a month of each, and a mix
    costmeter compare --plan "mixed = RTX 4090 160h + H100 SXM 20h" --plan "H100 SXM 720h"
  eight GPUs, and a training run
    costmeter compare --plan "8x RTX 4090 160h" --plan "H100 SXM 160h" --plan "8x H100 SXM 160h"
    costmeter compare --plan "8x H100 SXM 10h training"
  the same for a named model: refused where it cannot be, with the reason and what comes nearest
    costmeter compare --plan "8x RTX 4090 160h lora zero3 of Llama 3.3 70B"
  a provider that bills whole hours, and at least a day
    costmeter compare --plan "8x H100 SXM 10.5h by1h min24h training"
  buy or rent: break-even, sensitivity to utilisation and electricity price, and a chart
    costmeter compare --plan "RTX 4090 160h 2550tok/s 50% owned" --plan "RTX 4090 160h 2550tok/s" \\
        --purchase-usd 2000 --electricity-usd-per-kwh 0.15 --plot cost.svg
  your own serving against an API, for the tokens that a server has actually served
    costmeter compare --against api --api-model "Llama 3.1 8B Instruct" --from-metrics http://127.0.0.1:8000/metrics
    costmeter compare --against api --api-model "Llama 3.3 70B Instruct" --tokens 9000000,1000000,2000000 \\
        --gpu "H100 SXM" --hours 24
  from how many tokens a day, and from which utilisation, does the GPU cost less than the API?
    costmeter compare --against api --api-model "Llama 3.3 70B Instruct" --tokens 9000000,1000000,2000000 \\
        --gpu "H100 SXM" --hours 24 --tokens-per-second 1500

A plan is [NAME =] GPUS WORDS [+ GPUS WORDS]..., with words such as
{FORMS}.
A file has [[plan]] tables with a name and [[plan.use]] tables (gpu, hours, usd_per_gpu_hour, model, method, ...).

exit codes: 0 answered, 1 a training cannot be, 2 bad input, 3 whether it can is unknown
"""


@dataclass(frozen=True, slots=True)
class CompareFlags:
    """The command line, without the flags of the comparison with an API."""

    plans: tuple[PlanRequest, ...]
    models: str | None
    quantization: str
    bought: date | None
    plot: str | None
    price: PriceFlags
    answer: AnswerFlags


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "compare",
        usage="costmeter compare (--plan PLAN... | --file FILE | --against api --api-model NAME ...) [options]",
        description="Compare plans: cost per month, $/M tokens, what fits, and when buying beats renting.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--plan",
        metavar="PLAN",
        action="append",
        help='a month of deployments, such as "RTX 4090 160h"; may be repeated',
    )
    parser.add_argument("--file", metavar="FILE", help="plans from a TOML file")
    parser.add_argument(
        "--models",
        metavar="FILE",
        help="candidate models, one per line; default: five included with the package",
    )
    parser.add_argument("--quantization", metavar="NAME", default="q4", help="their precision; default q4")
    parser.add_argument(
        "--bought", type=_day, metavar="DATE", help="purchase date that break-even counts from; default today"
    )
    parser.add_argument("--plot", metavar="FILE", help="also write a chart, as .png or .svg")
    compare_api.add_flags(parser)
    add_price_flags(parser, rent=False)
    add_answer_flags(parser)


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Print the comparison."""
    today = today or datetime.now(UTC).date()
    price, shown = typed(PriceFlags, args), answer_flags(args)
    against = typed(compare_api.ApiFlags, args, price=price, answer=shown)
    if args.against == "api":
        return compare_api.answered(against, today)
    compare_api.reject_api_flags(against)
    plans = [
        *map(parse_plan, args.plan or []),
        *(read_plans(Path(args.file)) if args.file is not None else []),
    ]
    if not plans:
        raise BadInputError(
            'no plan: give --plan "RTX 4090 160h" or --file; `costmeter compare --help` has examples'
        )
    return _answered(typed(CompareFlags, args, plans=tuple(plans), price=price, answer=shown), today)


def _answered(flags: CompareFlags, today: date) -> int:
    """Compares plans; imports the fit check here because only plans need it."""
    from vllm_costmeter.cli.economics.plan_building import compared
    from vllm_costmeter.core.model.precision import precision
    from vllm_costmeter.sources.models.packaged import PACKAGED, models_in, named_model

    names = models_in(Path(flags.models)) if flags.models else list(PACKAGED)
    models, bought = list(map(named_model, names)), flags.bought or today
    comparison = compared(
        flags.plans, flags.price, models, precision(flags.quantization), bought=bought, today=today
    )
    currency = flags.answer.currency
    if flags.plot:
        from vllm_costmeter.outputs.economics.plots import draw

        draw(comparison, Path(flags.plot), currency)
    values, sections = compare_document.values(comparison), compare_answer.sections(comparison, currency)
    print(answer.rendered(flags.answer.format, compare_document.SCHEMA, values, sections, currency), end="")
    verdicts = {verdict for each in comparison.plans for verdict in each.verdicts}
    return 1 if "refused" in verdicts else 3 if "unknown" in verdicts else 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a date such as 2026-12-01, got {text[:40]!r}") from None
