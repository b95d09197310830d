"""The Fleet dashboard: all replicas together, the best and worst replica, and the cost of idle ones."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.comparison import COMPARISON
from vllm_costmeter.outputs.dashboards.panel import Column, Dashboard, LabelVariable, Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import PER_HOUR, grown, per_second, usd_per_million
from vllm_costmeter.outputs.dashboards.promql import usd_per_hour as hourly
from vllm_costmeter.outputs.dashboards.shared import (
    ALWAYS_THERE,
    ANNOTATIONS,
    COST,
    GPU_SECONDS,
    NO_PRICE,
    NO_TOKENS,
    STATE_COLOURS,
    TOKENS,
    VARIABLES,
)

CLUSTER = LabelVariable(
    "cluster",
    "Cluster",
    "A label of the scrape targets or an external label of Prometheus; All if there is none.",
    f'label_values({ALWAYS_THERE}{{job=~"$job"}}, cluster)',
    every=".*",
)
HERE = {"cluster": "=~$cluster"}
BY_REPLICA = ("instance",)
TO_SERVER = "/d/costmeter-cost?${__url_time_range}&${datasource:queryparam}&var-instance="


def running_price(by: tuple[str, ...] = ()) -> str:
    """Running $/M generated tokens on the whole bill."""
    return usd_per_million(per_second(COST, by, **HERE), per_second(TOKENS, by, kind="generated", **HERE))


def price_over_range(by: tuple[str, ...] = (), **tokens: str) -> str:
    """$/M on the whole bill over the time range."""
    return usd_per_million(grown(COST, by, **HERE), grown(TOKENS, by, **tokens, **HERE))


def named_cluster(expression: str) -> str:
    """Series without the label get a placeholder instead of an empty legend."""
    return f'label_replace({expression}, "cluster", "no cluster label", "cluster", "^$")'


PRICE_BY_REPLICA = price_over_range(BY_REPLICA, kind="generated")

ALL = Row(
    "All replicas over the time range",
    (
        Panel(
            "$/M tokens",
            "The total cost of all replicas divided by their total tokens.",
            "stat",
            "currencyUSD",
            (
                Query(price_over_range(), "all tokens", moment=True),
                Query(price_over_range(kind="generated"), "generated tokens", moment=True),
            ),
            NO_TOKENS,
            width=8,
            height=4,
            colours=(("all tokens", "blue"), ("generated tokens", "green")),
        ),
        Panel(
            "Bill",
            "Total cost of all replicas, in all states.",
            "stat",
            "currencyUSD",
            (Query(grown(COST, (), **HERE), "bill", moment=True),),
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
                    f"{grown(COST, (), state='idle', **HERE)} / ({grown(COST, (), **HERE)} > 0)",
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
            (Query(grown(TOKENS, (), **HERE), "tokens", moment=True),),
            NO_TOKENS,
            width=4,
            height=4,
        ),
        Panel(
            "GPUs in use",
            "GPUs that the replicas occupy, active or idle: GPU seconds per second.",
            "stat",
            "short",
            (Query(per_second(GPU_SECONDS, (), **HERE), "GPUs", moment=True),),
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
            (Query(hourly(("state",), **HERE), "{{state}}"),),
            NO_PRICE,
            stacked=True,
            colours=STATE_COLOURS,
        ),
        Panel(
            "Tokens per second by model",
            "Prompt and generated tokens of all replicas of a model.",
            "lines",
            "short",
            (Query(per_second(TOKENS, ("model_name",), **HERE), "{{model_name}}"),),
            NO_TOKENS,
            stacked=True,
        ),
        Panel(
            "$/M generated tokens by model",
            "The whole bill of a model's replicas, divided by the tokens they generated.",
            "lines",
            "currencyUSD",
            (Query(running_price(("model_name",)), "{{model_name}}"),),
            NO_TOKENS,
            logarithmic=True,
        ),
        Panel(
            "$/M generated tokens by cluster",
            "The whole bill of a cluster's replicas, divided by the tokens they generated.",
            "lines",
            "currencyUSD",
            (Query(named_cluster(running_price(("cluster",))), "{{cluster}}"),),
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
            (Query(f"bottomk(1, {PRICE_BY_REPLICA})", "{{instance}}", moment=True),),
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
            (Query(f"topk(1, {PRICE_BY_REPLICA})", "{{instance}}", moment=True),),
            NO_TOKENS,
            width=6,
            height=8,
            thresholds=((0, "orange"),),
        ),
        Panel(
            "Dollars per hour of idle replicas",
            "Cost of replicas that are serving no tokens now. Put them to sleep or scale them down.",
            "lines",
            "currencyUSD",
            (
                Query(
                    f"{PER_HOUR} * {per_second(COST, BY_REPLICA, **HERE)} * on (instance) "
                    f"({per_second(TOKENS, BY_REPLICA, **HERE)} == bool 0)",
                    "{{instance}}",
                ),
            ),
            NO_PRICE,
            stacked=True,
        ),
        Panel(
            "Replicas",
            "Every replica over the time range; its name links to its Cost dashboard.",
            "table",
            "none",
            (
                Query(grown(COST, BY_REPLICA, **HERE), "", moment=True),
                Query(grown(COST, BY_REPLICA, state="idle", **HERE), "", moment=True),
                Query(f"{grown(TOKENS, BY_REPLICA, **HERE)}", "", moment=True),
                Query(price_over_range(BY_REPLICA), "", moment=True),
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
    labels=(CLUSTER, *VARIABLES),
    annotations=ANNOTATIONS,
)
