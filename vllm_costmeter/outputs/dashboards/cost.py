"""The Cost dashboard: what tokens cost, what the bill is made of, and what was paid for nothing."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.api_panels import against_api
from vllm_costmeter.outputs.dashboards.bill_panels import BILL, WORK
from vllm_costmeter.outputs.dashboards.gpu_panels import GPUS
from vllm_costmeter.outputs.dashboards.panel import Dashboard, Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import (
    grown,
    per_second,
    series,
    summed,
    usd_per_million,
)
from vllm_costmeter.outputs.dashboards.shared import (
    ANNOTATIONS,
    COST,
    DEFINITION_COLOURS,
    NO_PRICE,
    NO_TOKENS,
    TIMES,
    TOKENS,
    VARIABLES,
    definitions,
    over_the_range,
)
from vllm_costmeter.outputs.economics.api_prices import DEFAULT

PRICE, FLOOR = "costmeter_usd_per_million_tokens", "costmeter_floor_usd_per_million_tokens"


def _running_price(metric: str) -> str:
    """Of generated tokens, by server: the meter's own division, because the floor has no counter."""
    return summed(series(metric, per="generated", window="5m"), ("instance", "model_name"))


RANGE = Row(
    "Over the time range",
    (
        Panel(
            "$/M tokens",
            "Dollars per million tokens over the whole time range, by definition. All and generated tokens carry the "
            "whole bill (active, idle and asleep); prefill and decode carry their part of the active bill.",
            "stat",
            "currencyUSD",
            over_the_range(),
            NO_TOKENS,
            width=12,
            height=4,
            colours=DEFINITION_COLOURS,
        ),
        Panel(
            "Bill",
            "What the servers cost over the time range, in all states.",
            "stat",
            "currencyUSD",
            (Query(grown(COST), "bill", moment=True),),
            NO_PRICE,
            width=4,
            height=4,
        ),
        Panel(
            "Idle money",
            "The part of the bill over the time range in which no request ran on a server that was awake.",
            "stat",
            "currencyUSD",
            (Query(grown(COST, state="idle"), "idle", moment=True),),
            NO_PRICE,
            width=4,
            height=4,
        ),
        Panel(
            "Idle share",
            "Idle money over the bill of the time range; money for sleeping servers is not idle money.",
            "stat",
            "percentunit",
            (Query(f"{grown(COST, state='idle')} / ({grown(COST)} > 0)", "idle share", moment=True),),
            NO_PRICE,
            width=4,
            height=4,
            maximum=1,
            thresholds=((0.5, "orange"), (0.8, "red")),
        ),
    ),
)

PRICE_OF_A_TOKEN = Row(
    "What a token costs",
    (
        Panel(
            "$/M tokens by definition",
            "The running price, from counters: dollars over tokens of the same interval. A gap means that no such "
            "token was served; what idling costs meanwhile is in the panel of dollars per hour.",
            "lines",
            "currencyUSD",
            definitions(),
            NO_TOKENS,
            logarithmic=True,
            colours=DEFINITION_COLOURS,
        ),
        Panel(
            "$/M generated tokens by model",
            "The whole bill of each model over the tokens it generated.",
            "lines",
            "currencyUSD",
            (
                Query(
                    usd_per_million(
                        per_second(COST, ("model_name",)),
                        per_second(TOKENS, ("model_name",), kind="generated"),
                    ),
                    "{{model_name}}",
                ),
            ),
            NO_TOKENS,
            logarithmic=True,
        ),
        Panel(
            "Price over the limit",
            "$/M generated tokens of the last five minutes over what they would have cost with no idle second and the "
            "card's limiting resource at 100 %, of each server. 1 is the limit: what is above it is idleness, overhead "
            "and kernels slower than the card.",
            "lines",
            TIMES,
            (
                Query(
                    f"{_running_price(PRICE)} / ({_running_price(FLOOR)} > 0)", "{{instance}} {{model_name}}"
                ),
            ),
            "no tokens, no price, or a card whose rates are not known",
            width=24,
            logarithmic=True,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="costmeter-cost",
    title="vLLM CostMeter / Cost",
    description="What self-hosted tokens cost, live: $/M by definition, the bill, own against API.",
    rows=(RANGE, PRICE_OF_A_TOKEN, BILL, WORK, against_api(DEFAULT), GPUS),
    labels=VARIABLES,
    annotations=ANNOTATIONS,
)
