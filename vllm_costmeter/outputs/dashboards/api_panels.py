"""The self-hosted bill compared with what an API would charge for the same tokens."""

from __future__ import annotations

import json

from vllm_costmeter.outputs.dashboards.divided import PER_MILLION, PROMPT, Counted
from vllm_costmeter.outputs.dashboards.panel import Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import (
    PER_HOUR,
    SAME_MODEL,
    grown,
    increase,
    rate,
    summed,
    usd_per_hour,
)
from vllm_costmeter.outputs.dashboards.shared import COST, NO_PRICE, NO_TOKENS, TIMES, TOKENS
from vllm_costmeter.outputs.economics.api_prices import DEFAULT, ApiPrices

API_EQUIVALENT = "costmeter_api_equivalent_usd_total"


def against_api(prices: ApiPrices) -> Row:
    """The row that compares with an API at these prices."""
    at = (
        "Servers without a price are left out. API prices: of each server, those of the provider set on it "
        "(--costmeter-api-provider; one set within the time range counts from then on), otherwise "
        f"{prices.in_words}. To change them: `costmeter dashboard export --help`."
    )
    return Row(
        "Self-hosted vs API",
        (
            Panel(
                "Dollars per hour, self-hosted vs API",
                f"The whole bill, and what an API would charge for the same tokens. {at}",
                "lines",
                "currencyUSD",
                (
                    Query(usd_per_hour(), "self-hosted, whole bill"),
                    Query(f"{PER_HOUR} * {_api_usd(rate, prices)}", "API, same tokens"),
                ),
                NO_PRICE,
                width=18,
                colours=(("self-hosted, whole bill", "blue"), ("API, same tokens", "orange")),
            ),
            Panel(
                "Self-hosted / API",
                "The whole bill divided by what an API would have charged over the time range. Below 1, self-hosting "
                f"is cheaper. {at}",
                "stat",
                TIMES,
                (
                    Query(
                        f"{grown(COST)} / ({_api_usd(increase, prices)} > 0)",
                        "self-hosted / API",
                        moment=True,
                    ),
                ),
                NO_TOKENS,
                width=6,
                thresholds=((1, "orange"), (1.5, "red")),
            ),
        ),
    )


def with_api_prices(dashboard_json: str, prices: ApiPrices) -> str:
    """A generated dashboard with these API prices instead of the default ones; needs no builder."""
    for before, after in zip(_texts(DEFAULT), _texts(prices), strict=True):
        dashboard_json = dashboard_json.replace(before, after)
    return dashboard_json


def _texts(prices: ApiPrices) -> list[str]:
    """Every text of the row that depends on prices, as encoded in JSON."""
    texts = []
    for panel in against_api(prices).panels:
        texts += [panel.description, *(query.expression for query in panel.queries)]
    return [json.dumps(text, ensure_ascii=False) for text in texts]


def _api_usd(counted: Counted, prices: ApiPrices) -> str:
    """What APIs charge for the tokens of the priced servers: as each server publishes it, otherwise at these prices.

    Server by server: a sum by provider is of the servers that have it, and the least of such sums is the smallest part.
    """
    published = counted(API_EQUIVALENT)
    kinds = ((PROMPT if kind == "prompt_computed" else kind, f"{usd:g}") for kind, usd in prices.by_kind)
    stated = " or ".join(f"{counted(TOKENS, kind=kind)} * {usd}" for kind, usd in kinds)
    charged = f"({published} or ({stated}) / {PER_MILLION} unless {SAME_MODEL} {published})"
    return summed(f"{charged} and {SAME_MODEL} {counted(COST, state='active')}")
