"""The parts of the bill, and what was served for it."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.panel import Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import (
    PER_HOUR,
    grown,
    per_second,
    usd_per_hour,
)
from vllm_costmeter.outputs.dashboards.shared import (
    COMPONENT_COLOURS,
    KIND_COLOURS,
    NO_PRICE,
    NO_TOKENS,
    PHASE_COLOURS,
    PHASE_COST,
    STATE_COLOURS,
    TOKENS,
)

SAVINGS = "costmeter_cached_savings_usd_total"
REQUEST_COST = "costmeter_request_cost_usd"

BILL = Row(
    "Breakdown of the bill",
    (
        Panel(
            "Dollars per hour by state",
            "Active while at least one request is running, idle otherwise, asleep in vLLM's sleep mode.",
            "lines",
            "currencyUSD",
            (Query(usd_per_hour(("state",)), "{{state}}"),),
            NO_PRICE,
            stacked=True,
            colours=STATE_COLOURS,
        ),
        Panel(
            "Dollars per hour by component",
            "Rental cost, or for owned GPUs depreciation, electricity and overhead.",
            "lines",
            "currencyUSD",
            (Query(usd_per_hour(("component",)), "{{component}}"),),
            NO_PRICE,
            stacked=True,
            colours=COMPONENT_COLOURS,
        ),
    ),
)

WORK = Row(
    "Work done for it",
    (
        Panel(
            "Tokens per second",
            "Tokens as vLLM counts them: computed prompt tokens, cached prompt tokens and generated tokens. "
            "`prompt`: of engines that do not tell cached ones apart.",
            "lines",
            "short",
            (Query(per_second(TOKENS, ("kind",)), "{{kind}}"),),
            NO_TOKENS,
            stacked=True,
            colours=KIND_COLOURS,
        ),
        Panel(
            "Active dollars per hour by phase",
            "Active cost, split between prefill and decode by the work of each, where the shape of the "
            "model is known. The legend names the method.",
            "lines",
            "currencyUSD",
            (Query(f"{PER_HOUR} * {per_second(PHASE_COST, ('phase', 'method'))}", "{{phase}} ({{method}})"),),
            NO_PRICE,
            stacked=True,
            colours=PHASE_COLOURS,
        ),
        Panel(
            "Saved by the prefix cache",
            "What the cached prompt tokens of the time range would have cost at the running price of computed ones.",
            "stat",
            "currencyUSD",
            (Query(grown(SAVINGS), "saved", moment=True),),
            NO_PRICE,
            width=6,
            height=8,
        ),
        Panel(
            "Cost per request",
            "Active cost attributed to each finished request: mean, median and 95th percentile. The quantiles come "
            "from a histogram and are as precise as its buckets.",
            "lines",
            "currencyUSD",
            (
                Query(
                    f"{per_second(f'{REQUEST_COST}_sum')} / ({per_second(f'{REQUEST_COST}_count')} > 0)",
                    "mean",
                ),
                Query(
                    f"histogram_quantile(0.5, {per_second(f'{REQUEST_COST}_bucket', ('le',))}) > 0", "median"
                ),
                Query(
                    f"histogram_quantile(0.95, {per_second(f'{REQUEST_COST}_bucket', ('le',))}) > 0",
                    "95th percentile",
                ),
            ),
            "no finished requests",
            logarithmic=True,
            width=18,
        ),
    ),
)
