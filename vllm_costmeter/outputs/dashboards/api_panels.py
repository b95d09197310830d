"""The own bill beside what an API would take for the same tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable

from vllm_costmeter.outputs.api_prices import DEFAULT, ApiPrices
from vllm_costmeter.outputs.dashboards.panel import Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import PER_HOUR, PER_MILLION, grown, per_second, usd_per_hour
from vllm_costmeter.outputs.dashboards.shared import COST, NO_PRICE, NO_TOKENS, TOKENS


def against_api(prices: ApiPrices) -> Row:
    """The row that compares with an API of these prices."""
    per_second_usd = _sum(f"{per_second(TOKENS, kind=kind)} * {usd:g}" for kind, usd in prices.by_kind)
    over_range_usd = _sum(f"{grown(TOKENS, kind=kind)} * {usd:g}" for kind, usd in prices.by_kind)
    at = f"API prices: {prices.in_words}. Others: `costmeter dashboard export --help`."
    return Row(
        "Own against an API",
        (
            Panel(
                "Dollars per hour, own against API",
                f"The whole bill beside what an API would take for the same tokens. {at}",
                "lines",
                "currencyUSD",
                (
                    Query(usd_per_hour(), "own, whole bill"),
                    Query(f"{PER_HOUR} * {per_second_usd}", "API, same tokens"),
                ),
                NO_PRICE,
                width=18,
                colours=(("own, whole bill", "blue"), ("API, same tokens", "orange")),
            ),
            Panel(
                "Own over API",
                "The whole bill over what an API would have taken, for the time range. Below 100 % serving it here is "
                f"cheaper. {at}",
                "stat",
                "percentunit",
                (Query(f"{grown(COST)} / ({over_range_usd} > 0)", "own over API", moment=True),),
                NO_TOKENS,
                width=6,
                thresholds=((1, "orange"), (1.5, "red")),
            ),
        ),
    )


def with_api_prices(dashboard_json: str, prices: ApiPrices) -> str:
    """A generated dashboard, compared with an API of these prices instead of the default one's; it needs no builder."""
    for before, after in zip(_texts(DEFAULT), _texts(prices), strict=True):
        dashboard_json = dashboard_json.replace(before, after)
    return dashboard_json


def _texts(prices: ApiPrices) -> list[str]:
    """Every text of the row that depends on prices, as it stands in JSON."""
    texts = []
    for panel in against_api(prices).panels:
        texts += [panel.description, *(query.expression for query in panel.queries)]
    return [json.dumps(text, ensure_ascii=False) for text in texts]


def _sum(terms: Iterable[str]) -> str:
    return f"({' + '.join(terms)}) / {PER_MILLION}"
