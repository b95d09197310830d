"""The Cost dashboard: what tokens cost, what the bill is made of, and what was paid for nothing."""

from __future__ import annotations

from vllm_costmeter.outputs.api_prices import DEFAULT
from vllm_costmeter.outputs.dashboards.api_panels import against_api
from vllm_costmeter.outputs.dashboards.bill_panels import BILL, WORK
from vllm_costmeter.outputs.dashboards.gpu_panels import GPUS
from vllm_costmeter.outputs.dashboards.panel import Dashboard, Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import (
    grown,
    per_second,
    usd_per_million,
)
from vllm_costmeter.outputs.dashboards.shared import (
    ANNOTATIONS,
    COST,
    DEFINITION_COLOURS,
    NO_PRICE,
    NO_TOKENS,
    TOKENS,
    VARIABLES,
    definitions,
    over_the_range,
)

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
