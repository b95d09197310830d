"""`costmeter cost`: cost per hour and per million tokens at a known token rate."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any, NamedTuple

from vllm_costmeter.cli.economics import price_terms
from vllm_costmeter.cli.economics.answer_flags import AnswerFlags, add_answer_flags, answer_flags
from vllm_costmeter.cli.economics.price_flags import PriceFlags, add_price_flags, money
from vllm_costmeter.cli.economics.typed_flags import reject_flags, typed
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.bench_run import Per
from vllm_costmeter.core.economics.cost import Cost
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.pricing.hourly import Convention, HourlyCost
from vllm_costmeter.core.pricing.money import exact, share
from vllm_costmeter.outputs.economics import answer, cost_answer
from vllm_costmeter.sources.bench_results.read import one_run
from vllm_costmeter.sources.catalogue.load import parse_gpu
from vllm_costmeter.sources.serve_args.flag_values import whole
from vllm_costmeter.sources.servers.served import serving_rate

EXAMPLES = """\
examples:
  what does a million tokens of Llama 3.1 8B cost on a 4090, and on an H100?
    costmeter cost --gpu "RTX 4090" --tokens-per-second 2550
    costmeter cost --gpu "H100 SXM" --tokens-per-second 8000
  at a price of your own, without the catalogue
    costmeter cost --gpu-hourly-usd 0.55 --tokens-per-second 2550
  an owned GPU, busy half of the time
    costmeter cost --gpu "RTX 4090" --purchase-usd 2000 --electricity-usd-per-kwh 0.15 \\
        --tokens-per-second 2550 --utilization 50% --convention article
  the live rate of a running server, and what `vllm bench serve` measured
    costmeter cost --gpu "8x H100 SXM" --from-metrics http://127.0.0.1:8000/metrics
    costmeter cost --gpu "H100 SXM" --gpu-hourly-usd 2.95 --from-bench result.json
  does it fit at all?
    costmeter cost --gpu "RTX 4090" --model "Llama 3.3 70B" --quantization q4

exit codes: 0 answered, 2 bad input; with --model those of `costmeter check`: 0 it fits (tight included), 1 it does not,
3 the model is not understood
"""


@dataclass(frozen=True, slots=True)
class CostFlags:
    """The command line."""

    gpu: str | None
    tokens_per_second: Fraction | None
    from_metrics: str | None
    from_bench: str | None
    per: Per
    seconds: Fraction
    utilization: Fraction
    convention: Convention
    model: str | None
    quantization: str | None
    max_model_len: int | None
    price: PriceFlags
    answer: AnswerFlags


class ModelFit(NamedTuple):
    """Whether the model fits: as a sentence, for JSON, and as an exit code."""

    sentence: str
    values: Mapping[str, object]
    exit_code: int


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "cost",
        usage="costmeter cost (--gpu NAME | --gpu-hourly-usd USD) (--tokens-per-second N | --from-metrics URL | "
        "--from-bench FILE) [options]",
        description="What an hour and a million tokens cost: price / (tokens per second x 3600) x 1e6.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--gpu", metavar="NAME", help='one GPU, or several: "RTX 4090", "H100 SXM:8"')
    rate = parser.add_mutually_exclusive_group()
    rate.add_argument("--tokens-per-second", type=money, metavar="N", help="rate of the whole deployment")
    rate.add_argument("--from-metrics", metavar="URL", help="rate of a running server, from its /metrics")
    rate.add_argument(
        "--from-bench", metavar="FILE", help="rate from a load test: `costmeter gate --help` lists the tools"
    )
    parser.add_argument(
        "--per",
        choices=("generated", "all"),
        default="generated",
        help="tokens that a measured rate counts; default: generated",
    )
    parser.add_argument(
        "--seconds",
        type=money,
        default=Fraction(10),
        metavar="S",
        help="how long to measure a server that does not run the meter; default 10",
    )
    parser.add_argument(
        "--utilization",
        default="100%",
        metavar="SHARE",
        help="share of the paid time in which the GPUs work at that rate; default 100%%",
    )
    parser.add_argument(
        "--convention",
        choices=("exact", "article"),
        default="exact",
        help="article: also show the rounding of the RTX 4090 and H100 comparison (docs/economics.md)",
    )
    parser.add_argument("--model", metavar="MODEL", help="also check that this model fits")
    parser.add_argument(
        "--quantization", metavar="NAME", help="precision of that model: fp16, fp8, q4; default: as published"
    )
    parser.add_argument(
        "--max-model-len", type=whole, metavar="TOKENS", help="context that must fit; default 8192"
    )
    add_price_flags(parser)
    add_answer_flags(parser)


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Print the cost; the exit code is that of `costmeter check` for the model, 0 without a model."""
    flags = typed(
        CostFlags,
        args,
        utilization=share(args.utilization, "--utilization"),
        price=typed(PriceFlags, args),
        answer=answer_flags(args),
    )
    return _answered(flags, today or datetime.now(UTC).date())


def _answered(flags: CostFlags, today: date) -> int:
    if flags.model is None:
        reject_flags(flags, ("quantization", "max_model_len"), "applies to a model: give --model too")
    rate, usd_per_hour_of_server = _rate(flags)
    gpu, count = parse_gpu(flags.gpu) if flags.gpu is not None else (None, 1)
    priced = _priced(flags, gpu, count, usd_per_hour_of_server, today)
    fit = None if flags.model is None else _fit(flags, flags.model, gpu, count)
    if rate is None and fit is None:
        raise BadInputError("no rate: give --tokens-per-second, --from-metrics or --from-bench")
    tokens_per_second, rate_source = rate or (None, "")
    grams, carbon_source = price_terms.carbon(flags.price, gpu, count) or (None, "")
    cost = Cost(priced.cost, flags.utilization, tokens_per_second, grams, carbon_source)
    values = cost_answer.values(
        cost, price_terms.price_values(priced), gpu.name if gpu else None, rate_source
    )
    section = cost_answer.section(
        cost,
        f"{_title(flags, gpu, count)}, {priced.in_words}",
        flags.answer.currency,
        convention=flags.convention,
        rate_source=rate_source,
        notes=[] if fit is None else [fit.sentence],
    )
    if fit is not None:
        values |= {"fit": fit.values}
    print(
        answer.rendered(flags.answer.format, cost_answer.SCHEMA, values, [section], flags.answer.currency),
        end="",
    )
    return 0 if fit is None else fit.exit_code


def _title(flags: CostFlags, gpu: GpuSpec | None, count: int) -> str:
    if gpu is not None:
        return counted(gpu.name, count)
    return "this server" if flags.from_metrics or flags.price.node_hourly_usd else "one GPU"


def _rate(flags: CostFlags) -> tuple[tuple[Fraction, str] | None, float | None]:
    """(rate, its source), and the USD per hour that a running server reports."""
    if flags.from_metrics:
        live = serving_rate(flags.from_metrics, flags.per, float(flags.seconds))
        return (exact(live.tokens_per_second), f"{flags.per} tokens of {live.source}"), live.usd_per_hour
    if flags.from_bench:
        measured = one_run(flags.from_bench).tokens_per_second(flags.per)
        return (exact(measured), f"{flags.per} tokens of {flags.from_bench}"), None
    return None if flags.tokens_per_second is None else (flags.tokens_per_second, "stated"), None


def _priced(
    flags: CostFlags, gpu: GpuSpec | None, count: int, usd_per_hour_of_server: float | None, today: date
) -> price_terms.PricedGpus:
    stated = price_terms.stated_price(flags.price, gpu, count, today, carbon=True)
    if stated is not None:
        return stated
    if gpu is not None:
        return price_terms.catalogue_price(gpu, count, today)
    if usd_per_hour_of_server:
        return price_terms.PricedGpus(
            HourlyCost(rental_usd=exact(usd_per_hour_of_server)), "the server itself"
        )
    raise BadInputError(
        'no price: give --gpu, as in --gpu "RTX 4090" (`costmeter gpus` lists all), or --gpu-hourly-usd'
    )


def _fit(flags: CostFlags, model: str, gpu: GpuSpec | None, count: int) -> ModelFit:
    """Checks the model; imports the fit check here because nothing else needs it."""
    from vllm_costmeter.cli.economics.matrix import matrix_cells
    from vllm_costmeter.core.fit.matrix import exit_code
    from vllm_costmeter.outputs.economics.matrix_answer import cell_values, sentence

    if gpu is None:
        raise BadInputError("--model needs --gpu: the GPU to check it on")
    (cell,) = matrix_cells([model], [(gpu, count)], [flags.quantization or "own"], flags.max_model_len)
    return ModelFit(sentence(cell), cell_values(cell), exit_code([cell]))
