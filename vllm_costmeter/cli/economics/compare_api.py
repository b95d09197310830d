"""`costmeter compare --against api`: the tokens served by a server, at API prices."""

from __future__ import annotations

import argparse
from datetime import date
from fractions import Fraction

from vllm_costmeter.cli.economics import price_terms
from vllm_costmeter.cli.economics.answer_flags import AnswerFlags
from vllm_costmeter.cli.economics.price_flags import (
    PriceFlags,
    money,
    money_or_zero,
    reject_owned_terms,
)
from vllm_costmeter.cli.economics.typed_flags import reject_flags
from vllm_costmeter.core.dataclass import dataclass
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
    "tokens_per_second",
)


@dataclass(frozen=True, slots=True)
class ApiFlags:
    """The command line of this comparison, with the flags of the other one, which it rejects."""

    api_model: str | None
    api_provider: str | None
    from_metrics: str | None
    from_prometheus: str | None
    tokens: str | None
    period: str
    model_name: str | None
    own_usd: Fraction | None
    gpu: str | None
    hours: Fraction | None
    tokens_per_second: Fraction | None
    plan: list[str] | None
    file: str | None
    plot: str | None
    price: PriceFlags
    answer: AnswerFlags


def reject_api_flags(flags: ApiFlags) -> None:
    """BadInputError for a flag of this comparison without `--against api`."""
    reject_flags(flags, _ONLY_AGAINST_API, "compares with an API: give --against api too")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags for the source of the tokens and for the API."""
    group = parser.add_argument_group("against an API")
    group.add_argument("--against", choices=("api",), help="api: price the tokens served here at API rates")
    group.add_argument("--api-model", metavar="NAME", help="the same model at the API, or a comparable one")
    group.add_argument(
        "--api-provider", metavar="NAME", help="only this provider; default: all that offer it"
    )
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        "--from-metrics", metavar="URL", help="tokens and bill of a running server since its start"
    )
    where.add_argument("--from-prometheus", metavar="URL", help="tokens and bill of a fleet, from Prometheus")
    where.add_argument(
        "--tokens", metavar="N,N,N", help="prompt tokens computed, prompt tokens cached, tokens generated"
    )
    group.add_argument(
        "--period", default="30d", metavar="TIME", help="how far back to query Prometheus; default 30d"
    )
    group.add_argument("--model-name", metavar="NAME", help="only this served model in Prometheus")
    group.add_argument("--own-usd", type=money_or_zero, metavar="USD", help="what serving these tokens cost")
    group.add_argument("--gpu", metavar="NAME", help="or: the GPU that served them, with --hours")
    group.add_argument("--hours", type=money, metavar="H", help="hours it was paid for")
    group.add_argument(
        "--tokens-per-second",
        type=money,
        metavar="N",
        help="generated at full load, in these proportions: adds the utilisation at break-even",
    )


def answered(flags: ApiFlags, today: date) -> int:
    """Print the comparison. BadInputError for an unknown model or provider and for no tokens."""
    reject_flags(flags, ("plan", "file", "plot"), "is for plans, and --against api compares served tokens")
    if flags.api_model is None:
        raise BadInputError('--against api needs --api-model, such as --api-model "Llama 3.3 70B Instruct"')
    rows = prices_of(api_prices(), flags.api_model, flags.api_provider)
    own, currency = _own(flags, today), flags.answer.currency
    values = api_answer.values(own, rows, flags.api_model, today)
    section = api_answer.section(own, rows, flags.api_model, currency, today)
    print(answer.rendered(flags.answer.format, api_answer.SCHEMA, values, [section], currency), end="")
    return 0


def _own(flags: ApiFlags, today: date) -> OwnServing:
    stated = _stated_usd(flags, today)
    if flags.from_metrics:
        page = read_page(flags.from_metrics)
        tokens, usd, source = served_tokens(page), bill_usd(page), f"{flags.from_metrics}, since its start"
        assert tokens is not None
    elif flags.from_prometheus:
        tokens, usd, priced = served_over(flags.from_prometheus, flags.period, flags.model_name)
        source = f"{flags.from_prometheus}, last {flags.period}"
        if stated is None and usd is not None and priced.total < tokens.total:
            source += f"; {tokens.total - priced.total:,} tokens of servers without a price are left out"
            tokens = priced
    elif flags.tokens:
        tokens, usd, source = _tokens(flags.tokens), None, "stated"
    else:
        raise BadInputError("no tokens: give --from-metrics, --from-prometheus or --tokens")
    if not tokens.total:
        raise BadInputError(f"no tokens were served ({source}), so there is nothing to compare")
    if flags.tokens_per_second is not None and not tokens.generated:
        raise BadInputError("--tokens-per-second counts generated tokens, and none were generated")
    own_usd = stated if stated is not None or usd is None else exact(usd)
    return OwnServing(tokens, own_usd, source, flags.hours, flags.tokens_per_second)


def _stated_usd(flags: ApiFlags, today: date) -> Fraction | None:
    if flags.own_usd is not None:
        reject_flags(flags, ("gpu", "hours"), "contradicts --own-usd: keep one of them")
    elif (flags.gpu is None) != (flags.hours is None):
        raise BadInputError("--gpu and --hours must be given together")
    if flags.tokens_per_second is not None and flags.hours is None:
        raise BadInputError(
            "--tokens-per-second is the rate of a GPU paid by the hour: give --gpu and --hours too"
        )
    if flags.gpu is None or flags.hours is None:
        reject_flags(flags.price, ("purchase_usd",), "is a term of a GPU: give --gpu and --hours too")
        reject_owned_terms(flags.price, "is a term of a GPU: give --gpu and --hours too")
        return flags.own_usd
    gpu, count = parse_gpu(flags.gpu)
    return price_terms.priced_gpus(flags.price, gpu, count, today).cost.usd_per_hour() * flags.hours


def _tokens(text: str) -> ServedTokens:
    parts = [part.strip().replace("_", "") for part in text.split(",")]
    if len(parts) != 3 or not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
        raise BadInputError(
            f"--tokens must be three whole numbers (prompt computed, prompt cached, generated), got {text[:60]!r}"
        )
    return ServedTokens(*map(int, parts))
