"""Whose requests, and whose budgets."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.panel import Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import PER_HOUR, grown, per_second

TENANT_COST, TENANT_TOKENS = "costmeter_tenant_cost_usd_total", "costmeter_tenant_tokens_total"
NO_TENANTS = "no tenants: --costmeter-tenant-from tells them apart"

TENANTS = Row(
    "Tenants",
    (
        Panel(
            "Dollars per hour by tenant",
            "Active cost of each tenant's requests, charged when they end. Names are hashed unless the server shows "
            "them; idle time is not divided here (`costmeter report --by tenant --idle` does). What a tenant "
            "without a budget spent on a server before its first scrape there is not in it.",
            "lines",
            "currencyUSD",
            (Query(f"{PER_HOUR} * {per_second(TENANT_COST, ('tenant',))}", "{{tenant}}"),),
            NO_TENANTS,
            stacked=True,
        ),
        Panel(
            "Dollars by tenant",
            "Active cost of each tenant's requests over the time range, less what a tenant without a budget spent "
            "on a server before its first scrape there: too little where each server gets a request or two (`costmeter "
            "report --by tenant` counts all).",
            "stat",
            "currencyUSD",
            (Query(f"topk(12, {grown(TENANT_COST, ('tenant',))})", "{{tenant}}", moment=True),),
            NO_TENANTS,
            height=8,
        ),
    ),
)
