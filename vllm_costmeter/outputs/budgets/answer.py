"""Budgets of tenants as a table, JSON or CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vllm_costmeter.core.budgets.budget import Budget
from vllm_costmeter.core.budgets.periods import Period, zone
from vllm_costmeter.core.budgets.state import BudgetState
from vllm_costmeter.core.dataclass import asdict
from vllm_costmeter.outputs.economics.answer import Format, Section, rendered

SCHEMA = "costmeter.budgets/1"
TITLES = ("tenant", "budget", "spent", "left", "pace", "$/h now", "runs out", "period ends")
NO_LEDGER = "There is no ledger in this folder yet, so what was spent is not known."


def in_words(budget: Budget) -> str:
    """ "acme: $50.00 per month (UTC)"."""
    return f"{budget.tenant}: ${budget.usd:,.2f} per {budget.per} ({budget.timezone})"


def listed(
    states: Mapping[Budget, BudgetState | None],
    periods: Mapping[Budget, Period],
    file: Path,
    ledgers: Sequence[Path],
    format: Format,
) -> str:
    """All budgets, those with the least left (as a share) first; None where what was spent is not known."""
    order = sorted(states, key=lambda each: (_share_left(each, states[each]), each.tenant))
    values = {
        "file": str(file),
        "ledgers": [str(path) for path in ledgers],
        "budgets": [_row(budget, states[budget], periods[budget]) for budget in order],
    }
    rows = [_cells(budget, states[budget], periods[budget]) for budget in order]
    notes = _notes(ledgers) if states else ()
    if format == "csv" and not rows:
        return ""
    if not rows:
        notes = (
            f"No tenant has a budget in {file}; `costmeter budget set TENANT USD --per month` sets one.",
        )
    return rendered(format, SCHEMA, values, [Section("Budgets", TITLES, rows, notes)])


def _notes(ledgers: Sequence[Path]) -> tuple[str, ...]:
    """What was counted, where that is not one ledger."""
    if not ledgers:
        return (NO_LEDGER,)
    named = ", ".join(path.name for path in ledgers[:5]) + (", ..." if len(ledgers) > 5 else "")
    return () if len(ledgers) == 1 else (f"Spent in {len(ledgers)} ledgers of the folder: {named}.",)


def _share_left(budget: Budget, state: BudgetState | None) -> float:
    return 1.0 if state is None else state.left_usd / budget.usd


def _cells(budget: Budget, state: BudgetState | None, period: Period) -> tuple[str, ...]:
    where = zone(budget.timezone)
    ends = f"{datetime.fromtimestamp(period.end, where):%Y-%m-%d} {budget.timezone}"
    amount = f"${budget.usd:,.2f} per {budget.per}"
    if state is None:
        return (budget.tenant, amount, "", "", "", "", "", ends)
    runs_out = state.runs_out_unix_seconds
    when = "spent" if state.is_spent else "lasts"
    if runs_out is not None:
        when = f"{datetime.fromtimestamp(runs_out, where):%Y-%m-%d %H:%M}"
    return (
        budget.tenant,
        amount,
        _usd(state.spent_usd),
        _usd(state.left_usd),
        f"{state.pace_ratio:.2f}",
        f"{state.usd_per_hour:,.4f}",
        when,
        ends,
    )


def _usd(usd: float) -> str:
    return f"{usd:,.4f}" if abs(usd) < 1 else f"{usd:,.2f}"


def _row(budget: Budget, state: BudgetState | None, period: Period) -> dict[str, Any]:
    """Without what is not known; times are UTC."""
    found = asdict(budget) | {"period_start": _utc(period.start), "period_end": _utc(period.end)}
    if state is None:
        return found
    found |= {
        "spent_usd": state.spent_usd,
        "left_usd": state.left_usd,
        "pace_ratio": state.pace_ratio,
        "usd_per_hour": state.usd_per_hour,
        "is_spent": state.is_spent,
    }
    if state.runs_out_unix_seconds is not None:
        found["runs_out"] = _utc(state.runs_out_unix_seconds)
    return found


def _utc(unix_seconds: float) -> str:
    return f"{datetime.fromtimestamp(unix_seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
