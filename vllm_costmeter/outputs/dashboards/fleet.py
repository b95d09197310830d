"""The Fleet dashboard: all replicas together, the best and worst replica, and the cost of idle ones."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.comparison import COMPARISON
from vllm_costmeter.outputs.dashboards.divided import whole_bill_per_million
from vllm_costmeter.outputs.dashboards.panel import Column, Dashboard, Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import SAME_SERVER, SERVER, grown, increase, per_second, rate
from vllm_costmeter.outputs.dashboards.promql import usd_per_hour as hourly
from vllm_costmeter.outputs.dashboards.shared import (
    ANNOTATIONS,
    COST,
    GPU_SECONDS,
    NO_PRICE,
    NO_TOKENS,
    ONE_SERVER,
    STATE_COLOURS,
    TOKENS,
    VARIABLES,
)

TO_SERVER = (
    "/d/costmeter-cost?${__url_time_range}&${datasource:queryparam}&${cluster:queryparam}&${job:queryparam}"
    "&var-instance="
)


def named_cluster(expression: str) -> str:
    """Series without the label get a placeholder instead of an empty legend."""
    return f'label_replace({expression}, "cluster", "no cluster label", "cluster", "^$")'


ACTIVE = per_second(GPU_SECONDS, SERVER, state="active")
"""Not tokens: some engines count them when a request ends, minutes after they generated them."""
PRICE_BY_REPLICA = whole_bill_per_million(increase, SERVER, kind="generated")

ALL = Row(
    "All replicas over the time range",
    (
        Panel(
            "$/M tokens",
            "The total cost of all replicas that have a price, divided by their total tokens. Engines that do not "
            "count cached prompt tokens have fewer tokens here, and a higher price of all.",
            "stat",
            "currencyUSD",
            (
                Query(whole_bill_per_million(increase), "all tokens", moment=True),
                Query(whole_bill_per_million(increase, kind="generated"), "generated tokens", moment=True),
            ),
            NO_TOKENS,
            width=8,
            height=4,
            colours=(("all tokens", "blue"), ("generated tokens", "green")),
        ),
        Panel(
            "Bill",
            "Total cost of all replicas that have a price, in all states.",
            "stat",
            "currencyUSD",
            (Query(grown(COST), "bill", moment=True),),
            NO_PRICE,
            width=4,
            height=4,
        ),
        Panel(
            "Idle share",
            "Cost of servers that were awake and ran no request, as a share of the bill.",
            "stat",
            "percentunit",
            (
                Query(
                    f"{grown(COST, state='idle')} / ({grown(COST)} > 0)",
                    "idle share",
                    moment=True,
                ),
            ),
            NO_PRICE,
            width=4,
            height=4,
            maximum=1,
            thresholds=((0.5, "orange"), (0.8, "red")),
        ),
        Panel(
            "Tokens",
            "Prompt and generated tokens of all replicas.",
            "stat",
            "short",
            (Query(grown(TOKENS), "tokens", moment=True),),
            NO_TOKENS,
            width=4,
            height=4,
        ),
        Panel(
            "GPUs in use",
            "GPUs that the replicas occupy, active or idle: GPU seconds per second.",
            "stat",
            "short",
            (Query(per_second(GPU_SECONDS), "GPUs", moment=True),),
            "no metered server",
            width=4,
            height=4,
        ),
    ),
)

TRENDS = Row(
    "Trends",
    (
        Panel(
            "Dollars per hour by state",
            "Rate at which the whole fleet's bill grows.",
            "lines",
            "currencyUSD",
            (Query(hourly(("state",)), "{{state}}"),),
            NO_PRICE,
            stacked=True,
            colours=STATE_COLOURS,
        ),
        Panel(
            "Tokens per second by model",
            "Prompt and generated tokens of all replicas of a model.",
            "lines",
            "short",
            (Query(per_second(TOKENS, ("model_name",)), "{{model_name}}"),),
            NO_TOKENS,
            stacked=True,
        ),
        Panel(
            "$/M generated tokens by model",
            "The whole bill of a model's replicas that have a price, divided by the tokens they generated.",
            "lines",
            "currencyUSD",
            (Query(whole_bill_per_million(rate, ("model_name",), kind="generated"), "{{model_name}}"),),
            NO_TOKENS,
            logarithmic=True,
        ),
        Panel(
            "$/M generated tokens by cluster",
            "The whole bill of a cluster's replicas that have a price, divided by the tokens they generated.",
            "lines",
            "currencyUSD",
            (
                Query(
                    named_cluster(whole_bill_per_million(rate, ("cluster",), kind="generated")), "{{cluster}}"
                ),
            ),
            NO_TOKENS,
            logarithmic=True,
        ),
    ),
)

REPLICAS = Row(
    "Replicas over the time range",
    (
        Panel(
            "Best replica",
            "The replica with the lowest $/M generated tokens, idle time included.",
            "stat",
            "currencyUSD",
            (Query(f"bottomk(1, {PRICE_BY_REPLICA})", ONE_SERVER, moment=True),),
            NO_TOKENS,
            width=6,
            height=8,
        ),
        Panel(
            "Worst replica",
            "The replica with the highest $/M generated tokens, idle time included. Replicas that served nothing have "
            "no price; see the panel of idle replicas.",
            "stat",
            "currencyUSD",
            (Query(f"topk(1, {PRICE_BY_REPLICA})", ONE_SERVER, moment=True),),
            NO_TOKENS,
            width=6,
            height=8,
            thresholds=((0, "orange"),),
        ),
        Panel(
            "Dollars per hour of idle replicas",
            "Cost of replicas that are running no request now, 0 for the others. Put them to sleep or scale them down.",
            "lines",
            "currencyUSD",
            (Query(f"{hourly(SERVER)} * {SAME_SERVER} ({ACTIVE} == bool 0)", ONE_SERVER),),
            NO_PRICE,
            stacked=True,
        ),
        Panel(
            "Replicas",
            "Every replica over the time range; its name links to its Cost dashboard (of several clusters that have an "
            "instance of this name, choose one first).",
            "table",
            "none",
            (
                Query(grown(COST, SERVER), "", moment=True),
                Query(grown(COST, SERVER, state="idle"), "", moment=True),
                Query(grown(TOKENS, SERVER), "", moment=True),
                Query(whole_bill_per_million(increase, SERVER), "", moment=True),
                Query(PRICE_BY_REPLICA, "", moment=True),
            ),
            "no metered server",
            width=24,
            columns=(
                Column("Bill", "currencyUSD"),
                Column("Idle cost", "currencyUSD"),
                Column("Tokens", "short"),
                Column("$/M, all tokens", "currencyUSD"),
                Column("$/M, generated tokens", "currencyUSD"),
            ),
            link_title="Cost of this server",
            link_url=f"{TO_SERVER}${{__value.raw}}",
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="costmeter-fleet",
    title="vLLM CostMeter / Fleet",
    description="All replicas: total dollars per total tokens; GPUs and releases compared; best, worst, idle replicas.",
    rows=(ALL, TRENDS, COMPARISON, REPLICAS),
    labels=VARIABLES,
    annotations=ANNOTATIONS,
)
