"""`costmeter compare --against api`: the tokens a server has served, at API prices."""

from __future__ import annotations

import argparse
from datetime import date
from fractions import Fraction

from vllm_costmeter.cli.economics import price_flags, price_terms
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.api_price import ServedTokens, prices_of
from vllm_costmeter.core.pricing.money import exact
from vllm_costmeter.outputs.economics import answer, api_answer
from vllm_costmeter.outputs.economics.api_answer import OwnServing
from vllm_costmeter.sources.catalogue.api_prices import api_prices
from vllm_costmeter.sources.catalogue.load import parse_gpu
from vllm_costmeter.sources.servers.prometheus import served_over
from vllm_costmeter.sources.servers.served import bill_usd, read_page, served_tokens

_ONLY_AGAINST_API = (
    "api_model",
    "api_provider",
    "from_metrics",
    "from_prometheus",
    "tokens",
    "model_name",
    "own_usd",
    "gpu",
    "hours",
)


def reject_api_flags(args: argparse.Namespace) -> None:
    """BadInputError for a flag of this comparison without `--against api`."""
    price_flags.reject_flags(args, _ONLY_AGAINST_API, "compares with an API: give --against api too")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Where the tokens come from, and whose prices they get."""
    group = parser.add_argument_group("against an API")
    group.add_argument("--against", choices=("api",), help="api: own serving at API prices")
    group.add_argument("--api-model", metavar="NAME", help="the same or a comparable open model at the API")
    group.add_argument(
        "--api-provider", metavar="NAME", help="only this provider; default: all that serve it"
    )
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        "--from-metrics", metavar="URL", help="tokens and bill since the start of a running server"
    )
    where.add_argument(
        "--from-prometheus", metavar="URL", help="tokens and bill of a fleet, from a Prometheus"
    )
    where.add_argument(
        "--tokens", metavar="N,N,N", help="computed prompt, cached prompt and generated tokens"
    )
    group.add_argument(
        "--period", default="30d", metavar="TIME", help="how far back a Prometheus is asked; default 30d"
    )
    group.add_argument("--model-name", metavar="NAME", help="only this served model of a Prometheus")
    group.add_argument(
        "--own-usd", type=price_flags.money_or_zero, metavar="USD", help="what serving them cost here"
    )
    group.add_argument("--gpu", metavar="NAME", help="or: the card, with --hours")
    group.add_argument("--hours", type=price_flags.money, metavar="H", help="for how long it was held")


def run(args: argparse.Namespace, today: date) -> int:
    """Print the comparison. BadInputError for an unknown model or provider and for no tokens."""
    shown = price_flags.chosen_currency(args)
    price_flags.reject_flags(
        args, ("plan", "file", "plot"), "is for plans: --against api prices served tokens"
    )
    if args.api_model is None:
        raise BadInputError('--against api needs --api-model, such as --api-model "Llama 3.3 70B Instruct"')
    rows = prices_of(api_prices(), args.api_model, args.api_provider)
    own = _own(args, today)
    if args.format == "json":
        print(
            answer.document(api_answer.SCHEMA, api_answer.values(own, rows, args.api_model, today), shown),
            end="",
        )
    else:
        write = answer.markdown if args.format == "markdown" else answer.text
        print(write([api_answer.section(own, rows, args.api_model, shown, today)]), end="")
    return 0


def _own(args: argparse.Namespace, today: date) -> OwnServing:
    stated = _stated_usd(args, today)
    if args.from_metrics:
        page = read_page(args.from_metrics)
        tokens, usd, source = served_tokens(page), bill_usd(page), f"{args.from_metrics}, since its start"
        assert tokens is not None
    elif args.from_prometheus:
        tokens, usd = served_over(args.from_prometheus, args.period, args.model_name)
        source = f"{args.from_prometheus}, last {args.period}"
    elif args.tokens:
        tokens, usd, source = _tokens(args.tokens), None, "stated"
    else:
        raise BadInputError("no tokens: give --from-metrics, --from-prometheus or --tokens")
    if not tokens.total:
        raise BadInputError(f"no token was served ({source}), so there is nothing to compare")
    return OwnServing(tokens, stated if stated is not None or usd is None else exact(usd), source)


def _stated_usd(args: argparse.Namespace, today: date) -> Fraction | None:
    if args.own_usd is not None:
        price_flags.reject_flags(args, ("gpu", "hours"), "contradicts --own-usd: keep one of them")
        return Fraction(args.own_usd)
    if (args.gpu is None) != (args.hours is None):
        raise BadInputError("--gpu and --hours belong together: what was held, and for how long")
    if args.gpu is None:
        price_flags.reject_owned_terms(args, "is a term of a card: give --gpu and --hours too")
        return None
    card, count = parse_gpu(args.gpu)
    rent = argparse.Namespace(**vars(args), gpu_hourly_usd=None, node_hourly_usd=None)
    cost = price_terms.priced_cards(rent, card, count, today).cost
    return cost.usd_per_hour() * Fraction(args.hours)


def _tokens(text: str) -> ServedTokens:
    parts = [part.strip().replace("_", "") for part in text.split(",")]
    if len(parts) != 3 or not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
        raise BadInputError(
            f"--tokens must be three whole numbers, computed prompt, cached prompt and generated, got {text[:60]!r}"
        )
    return ServedTokens(*map(int, parts))
