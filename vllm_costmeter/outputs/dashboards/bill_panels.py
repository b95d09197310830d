"""What the bill is made of, and what was served for it."""

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
    PHASE_COST,
    STATE_COLOURS,
    TOKENS,
)

SAVINGS = "costmeter_cached_savings_usd_total"
REQUEST_COST = "costmeter_request_cost_usd"

BILL = Row(
    "What the bill is made of",
    (
        Panel(
            "Dollars per hour by state",
            "Active while at least one request runs, idle otherwise, asleep in vLLM's sleep mode.",
            "lines",
            "currencyUSD",
            (Query(usd_per_hour(("state",)), "{{state}}"),),
            NO_PRICE,
            stacked=True,
            colours=STATE_COLOURS,
        ),
        Panel(
            "Dollars per hour by component",
            "Rent, or for owned cards depreciation, electricity and overhead.",
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
    "What was served for it",
    (
        Panel(
            "Tokens per second",
            "Tokens served, as vLLM counts them: prompt tokens computed, prompt tokens found in the cache, and "
            "tokens generated.",
            "lines",
            "short",
            (Query(per_second(TOKENS, ("kind",)), "{{kind}}"),),
            NO_TOKENS,
            stacked=True,
            colours=KIND_COLOURS,
        ),
        Panel(
            "Active dollars per hour by phase",
            "The active bill, divided between prefill and decode by the work each did. The method is in the legend.",
            "lines",
            "currencyUSD",
            (Query(f"{PER_HOUR} * {per_second(PHASE_COST, ('phase', 'method'))}", "{{phase}} ({{method}})"),),
            NO_PRICE,
            stacked=True,
        ),
        Panel(
            "Saved by the prefix cache",
            "What the cached prompt tokens of the time range would have cost at the running price of a computed one.",
            "stat",
            "currencyUSD",
            (Query(grown(SAVINGS), "saved", moment=True),),
            NO_PRICE,
            width=6,
            height=8,
        ),
        Panel(
            "Cost of a request",
            "Active cost attributed to each finished request: mean, median and the dearest twentieth, read from a "
            "histogram, so the two quantiles are as fine as its buckets.",
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
                    f"histogram_quantile(0.95, {per_second(f'{REQUEST_COST}_bucket', ('le',))}) > 0", "95 %"
                ),
            ),
            "no request finished between two scrapes",
            logarithmic=True,
            width=18,
        ),
    ),
)
