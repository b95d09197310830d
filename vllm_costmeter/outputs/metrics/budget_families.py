"""Budgets as metric families: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vllm_costmeter.core.budgets.state import BudgetState
from vllm_costmeter.outputs.metrics.exposition import Family
from vllm_costmeter.outputs.metrics.table import BY_NAME


def budget_families(
    model_name: str,
    states: Sequence[BudgetState],
    staleness_seconds: float | None,
    label: Callable[[str], str] = str,
) -> tuple[Family, ...]:
    """Every budget with its tenant as published by `label`; nothing where there is none."""
    if not states or staleness_seconds is None:
        return ()
    shown = [(label(each.budget.tenant), each) for each in states]
    of_tenants: Mapping[str, Mapping[str, float | None]] = {
        "costmeter_budget_usd": {tenant: each.budget.usd for tenant, each in shown},
        "costmeter_budget_spent_usd": {tenant: each.spent_usd for tenant, each in shown},
        "costmeter_budget_left_usd": {tenant: each.left_usd for tenant, each in shown},
        "costmeter_budget_pace_ratio": {tenant: each.pace_ratio for tenant, each in shown},
        "costmeter_budget_runs_out_timestamp_seconds": {
            tenant: each.runs_out_unix_seconds for tenant, each in shown
        },
    }
    found = [
        Family(
            BY_NAME[name],
            tuple(
                ((("model_name", model_name), ("tenant", tenant)), value)
                for tenant, value in values.items()
                if value is not None
            ),
        )
        for name, values in of_tenants.items()
    ]
    age = Family(
        BY_NAME["costmeter_budget_staleness_seconds"], (((("model_name", model_name),), staleness_seconds),)
    )
    return tuple(family for family in (*found, age) if family.samples)


def refused_family(model_name: str, refused: Mapping[str, int], label: Callable[[str], str]) -> Family:
    """Refused requests of each tenant; one API process counts its own."""
    shown: dict[str, int] = {}
    for tenant, count in refused.items():
        shown[label(tenant)] = shown.get(label(tenant), 0) + count
    samples = (
        ((("model_name", model_name), ("tenant", tenant)), float(count))
        for tenant, count in sorted(shown.items())
    )
    return Family(BY_NAME["costmeter_budget_refused_requests_total"], tuple(samples))
