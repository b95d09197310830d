"""Budgets in a running server: what is spent now, whom the gate refuses, and what failures change."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from vllm_costmeter.core.budgets.budget import Budget
from vllm_costmeter.core.budgets.state import Spent
from vllm_costmeter.metering.budget_gate import STALE_AFTER_SECONDS, BudgetGate
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
        self.written: dict[str, float] | None = {}
        self.fault: Exception | None = None
        self.lines: list[str] = []
        self.gate = BudgetGate(unix_seconds=lambda: self.now, monotonic_seconds=lambda: self.seconds)
        source = BudgetSource(
            self.read_budgets, self.read_spent, (lambda: self.written) if adds_own else None
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


def test_what_a_server_spent_itself_counts_before_it_is_written() -> None:
    """And once, when it has been."""
    world = World()
    world.total = {"acme": 30.0}
    world.keeper.read()
    assert [world.spent(own) for own in (0.0, 1.5)] == [30.0, 31.5]
    world.total, world.written = {"acme": 31.5}, {"acme": 1.5}
    assert world.spent(2.0) == 32.0  # not read yet
    world.keeper.read()
    assert world.spent(2.0) == 32.0


def test_a_write_while_the_totals_are_read_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read again."""
    monkeypatch.setattr("vllm_costmeter.metering.budget_keeper.LOOK_AGAIN_SECONDS", 0.0)
    world = World()
    read, reads = world.read_spent, []

    def written_meanwhile(periods: Periods, now: float) -> Mapping[str, Spent]:
        reads.append(now)
        if len(reads) == 1:
            world.total, world.written = {"acme": 5.0}, {"acme": 5.0}
        return read(periods, now)

    world.keeper._source = world.keeper._source._replace(spent=written_meanwhile)
    world.keeper.read()
    assert (len(reads), world.spent(6.0)) == (2, 6.0)


def test_a_write_that_never_ends_is_a_problem_not_a_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures stay as they were."""
    monkeypatch.setattr("vllm_costmeter.metering.budget_keeper.LOOK_AGAIN_SECONDS", 0.0)
    world = World()
    world.written = None
    world.keeper.read()
    assert world.keeper.states({}) == []
    assert "being written" in world.lines[0]


def test_totals_of_a_prometheus_are_not_added_to() -> None:
    """It has scraped this server's dollars already."""
    world = World(adds_own=False)
    world.total = {"acme": 30.0}
    world.keeper.read()
    assert world.spent(9.0) == 30.0


def test_a_spent_budget_closes_the_gate_at_once_and_a_raised_one_opens_it() -> None:
    """For its tenant only; the answer says until when, and at most a day."""
    world = World((budget(), budget("globex"), budget("untagged", 1.0)))
    world.total = {"acme": 49.0}
    world.keeper.read()
    world.spent(0.99)
    assert world.gate.refusal("acme") is None
    world.spent(1.0)
    refusal = world.gate.refusal("acme")
    assert refusal is not None
    assert (refusal.renews_unix_seconds, refusal.retry_after_seconds) == (BERLIN_TURN, 11 * 3600)
    assert [world.gate.refusal(name) for name in ("globex", "", "untagged", "nobody", "x" * 10_000)] == [
        None
    ] * 5
    world.total |= {"untagged": 2.0}
    world.keeper.read()
    assert world.gate.refusal("") is not None
    world.budgets = (budget(usd=60.0),)
    world.keeper.read()
    assert world.gate.refusal("acme") is None


def test_nobody_is_told_to_stay_away_for_a_month() -> None:
    """A budget may be raised before."""
    world = World()
    world.started = datetime(2026, 11, 2, tzinfo=UTC).timestamp()
    world.total = {"acme": 50.0}
    world.keeper.read()
    refusal = world.gate.refusal("acme")
    assert refusal is not None
    assert refusal.retry_after_seconds == 86_400


def test_the_turn_of_a_month_in_another_time_zone_opens_the_gate_to_the_second() -> None:
    """Before the totals are read again, also if nobody tells the gate; what is spent from then on counts."""
    world = World()
    world.total = {"acme": 49.0}
    world.keeper.read()
    world.seconds = BERLIN_TURN - NOON - 1
    world.keeper.read()
    assert world.spent(1.0) == 50.0
    assert world.gate.refusal("acme") is not None
    world.seconds += 1
    assert world.gate.refusal("acme") is None
    assert world.spent(1.5) == 0.0
    assert world.spent(1.75) == 0.25
    world.total, world.written = {"acme": 0.25}, {"acme": 1.75}
    world.keeper.read()
    assert world.spent(2.0) == 0.5
    assert world.gate.refusal("acme") is None


def test_dollars_that_could_not_be_written_before_the_turn_stay_before_it() -> None:
    """A full disk over midnight does not charge November's dollars to December."""
    world = World()
    world.keeper.read()
    assert world.spent(40.0) == 40.0
    world.seconds = BERLIN_TURN - NOON
    assert world.spent(40.0) == 0.0
    world.keeper.read()
    assert world.spent(41.0) == 1.0


@pytest.mark.parametrize(
    "fault", [ValueError("damaged"), OSError(5, "I/O error"), RuntimeError(), MemoryError()]
)
def test_figures_that_cannot_be_read_refuse_nobody_once_they_are_stale(fault: Exception) -> None:
    """Until then the last ones stand; one line for the problem, one for its end."""
    world = World()
    world.total = {"acme": 50.0}
    world.keeper.read()
    world.fault = fault
    for _ in range(4):
        world.seconds += 30
        world.keeper.read()
    assert (world.spent(), len(world.lines), world.keeper.staleness_seconds) == (50.0, 1, 120)
    assert world.gate.refusal("acme") is not None
    world.seconds = STALE_AFTER_SECONDS + 1
    world.keeper.read()
    world.spent()
    assert world.gate.refusal("acme") is None
    world.fault = None
    world.keeper.read()
    assert world.gate.refusal("acme") is not None
    assert len(world.lines) == 2
    assert world.keeper.staleness_seconds == 0


def test_a_file_that_is_removed_opens_the_gate_and_takes_the_figures_away() -> None:
    """No budgets, no samples."""
    world = World()
    world.total = {"acme": 50.0}
    world.keeper.read()
    assert world.gate.refusal("acme") is not None
    world.budgets = ()
    world.keeper.read()
    assert world.gate.refusal("acme") is None
    assert (world.keeper.states({}), world.keeper.staleness_seconds) == ([], None)


def test_a_clock_that_is_set_back_or_forward_refuses_nobody_wrongly() -> None:
    """By a month in either direction, before and after the totals are read."""
    world = World()
    world.total = {"acme": 10.0}
    world.keeper.read()
    for days in (-40, 40, 0):
        world.started = NOON + days * 86_400
        assert world.spent(1.0) <= 11.0
        assert world.gate.refusal("acme") is None
        world.keeper.read()
        assert world.spent(1.0) == 11.0


def test_a_gate_that_fails_lets_pass() -> None:
    """And counts it."""

    def broken() -> float:
        raise RuntimeError

    faults: list[int] = []
    world = World()
    world.gate = world.keeper._gate = BudgetGate(unix_seconds=broken, on_fault=lambda: faults.append(1))
    world.total = {"acme": 50.0}
    world.keeper._monotonic_seconds = time.monotonic
    world.keeper.read()
    assert (world.gate.refusal("acme"), faults) == (None, [1])


def test_its_thread_reads_by_itself() -> None:
    """Started, it has totals a moment later."""
    world = World()
    world.total = {"acme": 50.0}
    world.keeper.start()
    for _ in range(2000):
        if world.gate.refusal("acme") is not None:
            break
        time.sleep(0.005)
    assert world.gate.refusal("acme") is not None
