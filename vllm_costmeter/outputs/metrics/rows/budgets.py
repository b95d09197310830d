"""Metrics of tenants' budgets."""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.row import MetricRow

HAS_BUDGETS = "tenants are told apart and have budgets"

BUDGET_METRICS: tuple[MetricRow, ...] = (
    MetricRow(
        "costmeter_budget_usd",
        "gauge",
        ("model_name", "tenant"),
        "USD",
        "Budget of a tenant for the day, week or month that it is set for (costmeter budget set).",
        HAS_BUDGETS,
    ),
    MetricRow(
        "costmeter_budget_spent_usd",
        "gauge",
        ("model_name", "tenant"),
        "USD",
        "What a tenant spent in the present period of its budget, on all servers that share it.",
        HAS_BUDGETS,
    ),
    MetricRow(
        "costmeter_budget_left_usd",
        "gauge",
        ("model_name", "tenant"),
        "USD",
        "What is left of a tenant's budget in its present period; below 0 by what was spent beyond it.",
        HAS_BUDGETS,
    ),
    MetricRow(
        "costmeter_budget_pace_ratio",
        "gauge",
        ("model_name", "tenant"),
        "",
        "What a tenant spent over what an even pace would have spent by now; above 1, too much for the period.",
        HAS_BUDGETS,
    ),
    MetricRow(
        "costmeter_budget_runs_out_timestamp_seconds",
        "gauge",
        ("model_name", "tenant"),
        "seconds since 1970",
        "When a tenant's budget runs out at its rate over the last hour (daily budgets) or day.",
        "it does before its period ends, and has not yet",
    ),
    MetricRow(
        "costmeter_budget_staleness_seconds",
        "gauge",
        ("model_name",),
        "seconds",
        "Age of what all servers together spent of the budgets; past 300 seconds nobody is refused.",
        HAS_BUDGETS,
    ),
    MetricRow(
        "costmeter_budget_refused_requests_total",
        "counter",
        ("model_name", "tenant"),
        "requests",
        "Requests answered with HTTP 429 because the tenant's budget was spent.",
        "tenants have budgets and `budget_action` is refuse",
    ),
)
