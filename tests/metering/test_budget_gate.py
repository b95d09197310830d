"""Whom the gate refuses, and what failures change."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from budget_worlds import BERLIN_TURN, NOON, World, budget

from vllm_costmeter.metering.budget_gate import STALE_AFTER_SECONDS, BudgetGate


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
    world.total = {"acme": 0.25}
    world.write(acme=1.75)
    world.keeper.read()
    assert world.spent(2.0) == 0.5
    assert world.gate.refusal("acme") is None


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
