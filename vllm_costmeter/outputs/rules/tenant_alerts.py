"""Alerts on budgets of tenants. Servers that share budgets publish the same figures: one alert for each tenant."""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.table import BY_NAME
from vllm_costmeter.outputs.rules.rule import Alert

LEFT = BY_NAME["costmeter_budget_left_usd"].name
RUNS_OUT = BY_NAME["costmeter_budget_runs_out_timestamp_seconds"].name
STALENESS = BY_NAME["costmeter_budget_staleness_seconds"].name
STALE_AFTER_SECONDS = 300

_RUNBOOK = (
    "`costmeter budget list` has the figures, `costmeter report --by hour,tenant` the hours. Talk to the tenant, or "
    "raise the budget (`costmeter budget set`): servers see it within 30 seconds."
)


def tenant_alerts() -> tuple[Alert, ...]:
    """A budget that will not last, one that is spent, and figures that are too old to act on."""
    return (
        Alert(
            "CostMeterTenantBudgetRunsOut",
            f"min by (tenant) ({RUNS_OUT}) - time() > 0",
            "15m",
            "warning",
            "{{ $labels.tenant }}: the budget runs out before its period ends",
            "At its rate of the last hour (daily budgets) or day, nothing is left in {{ $value | humanizeDuration }}.",
            _RUNBOOK,
        ),
        Alert(
            "CostMeterTenantBudgetSpent",
            f"min by (tenant) ({LEFT}) <= 0",
            "0m",
            "critical",
            "{{ $labels.tenant }}: the budget is spent",
            'Left of it: {{ $value | printf "%.2f" }} USD. Servers with --costmeter-budget-action refuse answer this '
            "tenant with HTTP 429 until its period ends.",
            _RUNBOOK,
        ),
        Alert(
            "CostMeterBudgetsStale",
            f"{STALENESS} > {STALE_AFTER_SECONDS}",
            "5m",
            "warning",
            "{{ $labels.instance }}: budgets cannot be read",
            "What all servers spent is {{ $value | humanizeDuration }} old, so this server refuses nobody.",
            "The server's log says why: a ledger of the folder or budgets.json is damaged or locked, or the Prometheus "
            "of --costmeter-budget-prometheus does not answer.",
        ),
    )
