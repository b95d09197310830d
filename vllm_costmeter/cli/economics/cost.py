"""`costmeter cost`: what an hour and a million tokens cost at a known rate."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

from vllm_costmeter.cli.economics import price_flags, price_terms
from vllm_costmeter.cli.economics.matrix import matrix_cells
from vllm_costmeter.core.economics.cost import Cost
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.matrix import WORKING_TOKENS, Cell
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.pricing.hourly import HourlyCost
from vllm_costmeter.core.pricing.money import exact, share
from vllm_costmeter.outputs.economics import answer, cost_answer, matrix_answer
from vllm_costmeter.sources.catalogue.load import parse_gpu
from vllm_costmeter.sources.serve_args.flag_values import whole
from vllm_costmeter.sources.servers.bench_file import read_bench
from vllm_costmeter.sources.servers.served import serving_rate

EXAMPLES = """\
examples:
  what does a million tokens of Llama 3.1 8B cost on a 4090, and on an H100?
    costmeter cost --gpu "RTX 4090" --tokens-per-second 2550
    costmeter cost --gpu "H100 SXM" --tokens-per-second 8000
  a card of our own, working half of the time
    costmeter cost --gpu "RTX 4090" --purchase-usd 2000 --electricity-usd-per-kwh 0.15 \\
        --tokens-per-second 2550 --utilization 50% --convention article
  the live rate of a running server, and what `vllm bench serve` measured
    costmeter cost --gpu "8x H100 SXM" --from-metrics http://127.0.0.1:8000/metrics
    costmeter cost --gpu "H100 SXM" --gpu-hourly-usd 2.95 --from-bench result.json
  does it fit at all?
    costmeter cost --gpu "RTX 4090" --model "Llama 3.3 70B" --quantization q4

exit codes: 0 answered, 1 the model does not fit, 2 bad input, 3 the model is not understood
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "cost",
        usage="costmeter cost --gpu NAME (--tokens-per-second N | --from-metrics URL | --from-bench FILE) [options]",
        description="Say what an hour and a million tokens cost: price / (tokens per second x 3600) x 1e6.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--gpu", metavar="NAME", help='a card, or several: "RTX 4090", "H100 SXM:8"')
    rate = parser.add_mutually_exclusive_group()
    rate.add_argument(
        "--tokens-per-second", type=price_flags.money, metavar="N", help="of the whole deployment"
    )
    rate.add_argument("--from-metrics", metavar="URL", help="the rate of a running server, from its /metrics")
    rate.add_argument("--from-bench", metavar="FILE", help="the rate in a result of `vllm bench serve`")
    parser.add_argument(
        "--per",
        choices=("generated", "all"),
        default="generated",
        help="which tokens of a measured rate count; default: generated",
    )
    parser.add_argument(
        "--seconds",
        type=price_flags.money,
        default=Fraction(10),
        metavar="S",
        help="how long to watch a server that runs no meter; default 10",
    )
    parser.add_argument(
        "--utilization",
        default="100%",
        metavar="SHARE",
        help="of the paid time in which the cards work at that rate; default 100%%",
    )
    parser.add_argument(
        "--convention",
        choices=("exact", "article"),
        default="exact",
        help="article: also with the rounding of the RTX 4090 against H100 comparison",
    )
    parser.add_argument("--model", metavar="MODEL", help="also check that this model fits")
    parser.add_argument(
        "--quantization", metavar="NAME", help="of that model: q4, fp8 or as its config.json says"
    )
    parser.add_argument(
        "--max-model-len",
        type=whole,
        metavar="TOKENS",
        help="context that must fit; default 8192",
    )
    price_flags.add_price_flags(parser)
    price_flags.add_answer_flags(parser)


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Print the answer; 1 where the model does not fit."""
    if args.model is None:
        price_flags.reject_flags(
            args, ("quantization", "max_model_len"), "is about a model: give --model too"
        )
    shown = price_flags.chosen_currency(args)
    utilisation = share(args.utilization, "--utilization")
    rate, price_of_server = _rate(args)
    card, count = parse_gpu(args.gpu) if args.gpu else (None, 1)
    priced = _priced(args, card, count, price_of_server, today or datetime.now(UTC).date())
    cell = None if args.model is None else _cell(args, card, count)
    if rate is None and cell is None:
        raise BadInputError("no rate: give --tokens-per-second, --from-metrics or --from-bench")
    tokens_per_second, rate_source = rate or (None, "")
    carbon = None if card is None else price_terms.gco2e_per_hour(args, card, count)
    carbon_source = "" if carbon is None else price_terms.carbon_source(args)
    cost = Cost(priced.cost, utilisation, tokens_per_second, carbon, carbon_source)
    if args.format == "json":
        values = cost_answer.values(
            cost, price_terms.price_values(priced), card.name if card else None, rate_source
        )
        fit = {} if cell is None else {"fit": matrix_answer.cell_values(cell)}
        print(answer.document(cost_answer.SCHEMA, values | fit, shown), end="")
    else:
        name = "this server" if card is None else card.name if count == 1 else f"{count}x {card.name}"
        notes = (
            []
            if cell is None
            else [f"{cell.model} {cell.quantization}: {matrix_answer.word(cell)}. {cell.message}"]
        )
        section = cost_answer.section(
            cost,
            f"{name}, {priced.in_words}",
            shown,
            convention=args.convention,
            rate_source=rate_source,
            notes=notes,
        )
        print((answer.markdown if args.format == "markdown" else answer.text)([section]), end="")
    return 0 if cell is None else EXIT_CODES[cell.verdict]


EXIT_CODES = {"fits": 0, "tight": 0, "no": 1, "unknown": 3}


def _rate(args: argparse.Namespace) -> tuple[tuple[Fraction, str] | None, float | None]:
    """The rate with its source, and what a running server says it costs by the hour."""
    if args.from_metrics:
        live = serving_rate(args.from_metrics, args.per, float(args.seconds))
        return (exact(live.tokens_per_second), f"{args.per} tokens of {live.source}"), live.usd_per_hour
    if args.from_bench:
        result = read_bench(args.from_bench)
        total, generated = result.total_tokens_per_second, result.generated_tokens_per_second
        measured = total if args.per == "all" else generated
        return (exact(measured), f"{args.per} tokens of {args.from_bench}"), None
    return None if args.tokens_per_second is None else (args.tokens_per_second, "stated"), None


def _priced(
    args: argparse.Namespace, card: GpuSpec | None, count: int, price_of_server: float | None, today: date
) -> price_terms.PricedCards:
    if card is not None:
        return price_terms.priced_cards(args, card, count, today)
    if args.node_hourly_usd is not None:
        return price_terms.PricedCards(
            HourlyCost(1, rental_usd=args.node_hourly_usd), "flag --node-hourly-usd"
        )
    if price_of_server:
        return price_terms.PricedCards(HourlyCost(1, rental_usd=exact(price_of_server)), "the server itself")
    raise BadInputError(
        'no card: give --gpu, as in --gpu "RTX 4090" (`costmeter gpus` lists all), or --node-hourly-usd'
    )


def _cell(args: argparse.Namespace, card: GpuSpec | None, count: int) -> Cell:
    if card is None:
        raise BadInputError("--model needs --gpu: nothing fits on no card")
    return matrix_cells(
        [args.model],
        [f"{count}x {card.name}"],
        [args.quantization or "own"],
        args.max_model_len or WORKING_TOKENS,
    )[0]
