"""How far a budget has got: pure arithmetic on what was spent."""

from __future__ import annotations

from typing import NamedTuple

from vllm_costmeter.core.budgets.budget import Budget, Per
from vllm_costmeter.core.budgets.periods import Period, period_at, zone

RATE_SECONDS: dict[Per, int] = {"day": 3600, "week": 86_400, "month": 86_400}
"""What the present rate is measured over: short enough to see a runaway job in time, and for weeks and months long
enough to have a night in it."""


class Spent(NamedTuple):
    """Dollars of one tenant."""

    in_period: float
    recently: float
    """In the last `RATE_SECONDS`, which may begin before the period."""


class BudgetState(NamedTuple):
    """One budget at one moment."""

    budget: Budget
    period: Period
    spent_usd: float
    usd_per_hour: float
    """Now: over the last hour of a day's budget, the last day of another."""
    pace_ratio: float
    """What was spent over what an even pace would have spent by now: above 1, the budget ends before its period."""
    runs_out_unix_seconds: float | None
    """When nothing is left at the present rate; None if the period ends first, and if it is spent already."""

    @property
    def left_usd(self) -> float:
        """Below 0 by what was spent beyond it."""
        return self.budget.usd - self.spent_usd

    @property
    def is_spent(self) -> bool:
        """Nothing is left."""
        return self.left_usd <= 0


def current_period(budget: Budget, unix_seconds: float) -> Period:
    """The budget's period at a moment. BadInputError if its time zone is unknown here."""
    return period_at(budget.per, zone(budget.timezone), unix_seconds)


def state_of(budget: Budget, period: Period, spent: Spent, unix_seconds: float) -> BudgetState:
    """The state at a moment of the period."""
    usd_per_second = max(spent.recently, 0.0) / RATE_SECONDS[budget.per]
    elapsed = max(unix_seconds - period.start, 1.0) / (period.end - period.start)
    left = budget.usd - spent.in_period
    runs_out = None
    if left > 0 and usd_per_second > 0 and unix_seconds + left / usd_per_second < period.end:
        runs_out = unix_seconds + left / usd_per_second
    return BudgetState(
        budget,
        period,
        spent.in_period,
        3600 * usd_per_second,
        spent.in_period / (budget.usd * elapsed),
        runs_out,
    )
