"""Budgets in a running server whose ledger, dollars and clocks are what a test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from vllm_costmeter.core.budgets.budget import Budget
from vllm_costmeter.core.budgets.state import Spent
from vllm_costmeter.core.ledger.rows import NO_INTERVAL, Interval
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.core.meter.shares.share import Share
from vllm_costmeter.metering.budget_gate import BudgetGate
from vllm_costmeter.metering.budget_keeper import BudgetKeeper, BudgetSource, Periods

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp()
BERLIN_TURN = datetime(2026, 11, 30, 23, tzinfo=UTC).timestamp()


def budget(tenant: str = "acme", usd: float = 50.0, timezone: str = "Europe/Berlin") -> Budget:
    """Of a month."""
    return Budget(tenant, usd, "month", timezone, "2026-11-28T00:00:00+00:00")


class World:
    """A ledger that other servers write too, a server's own dollars, and two clocks; what a test says happens."""

    def __init__(self, budgets: Sequence[Budget] = (budget(),), *, adds_own: bool = True) -> None:
        self.budgets = budgets
        self.seconds = 0.0
        self.started = NOON
        self.total: dict[str, float] = {}
        self.interval: Interval | None = NO_INTERVAL
        self.fault: Exception | None = None
        self.lines: list[str] = []
        self.gate = BudgetGate(unix_seconds=lambda: self.now, monotonic_seconds=lambda: self.seconds)
        source = BudgetSource(
            self.read_budgets, self.read_spent, (lambda: self.interval) if adds_own else None
        )
        self.keeper = BudgetKeeper(
            source,
            self.gate,
            self.lines.append,
            unix_seconds=lambda: self.now,
            monotonic_seconds=lambda: self.seconds,
        )

    @property
    def now(self) -> float:
        """Unix time."""
        return self.started + self.seconds

    def write(self, **tenants: float) -> None:
        """This server's dollars so far are in the totals."""
        shares = {("tenant", name): Share(usd=usd) for name, usd in tenants.items()}
        self.interval = Interval(Usage(), shares)  # type: ignore[arg-type]

    def read_budgets(self) -> Sequence[Budget]:
        """Or the fault."""
        if self.fault is not None:
            raise self.fault
        return self.budgets

    def read_spent(self, periods: Periods, now: float) -> Mapping[str, Spent]:
        """Of all servers."""
        return {each.tenant: Spent(self.total.get(each.tenant, 0.0), 0.0) for each in periods}

    def spent(self, own: float = 0.0, tenant: str = "acme") -> float:
        """What the server shows, having spent this much itself."""
        states = {state.budget.tenant: state for state in self.keeper.states({tenant: own})}
        return states[tenant].spent_usd
