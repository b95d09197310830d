"""Budgets in a running server: what is spent now."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

import pytest
from budget_worlds import BERLIN_TURN, NOON, World

from vllm_costmeter.core.budgets.state import Spent, current_period
from vllm_costmeter.metering.budget_keeper import Periods


def test_what_a_server_spent_itself_counts_before_it_is_written() -> None:
    """And once, when it has been."""
    world = World()
    world.total = {"acme": 30.0}
    world.keeper.read()
    assert [world.spent(own) for own in (0.0, 1.5)] == [30.0, 31.5]
    world.total = {"acme": 31.5}
    world.write(acme=1.5)
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
            world.total = {"acme": 5.0}
            world.write(acme=5.0)
        return read(periods, now)

    world.keeper._source = world.keeper._source._replace(spent=written_meanwhile)
    world.keeper.read()
    assert (len(reads), world.spent(6.0)) == (2, 6.0)


def test_a_write_that_never_ends_is_a_problem_not_a_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures stay as they were."""
    monkeypatch.setattr("vllm_costmeter.metering.budget_keeper.LOOK_AGAIN_SECONDS", 0.0)
    world = World()
    world.interval = None
    world.keeper.read()
    assert world.keeper.states({}) == []
    assert "being written" in world.lines[0]


def test_totals_of_a_prometheus_are_not_added_to() -> None:
    """It has scraped this server's dollars already."""
    world = World(adds_own=False)
    world.total = {"acme": 30.0}
    world.keeper.read()
    assert world.spent(9.0) == 30.0


def test_dollars_that_could_not_be_written_before_the_turn_stay_before_it() -> None:
    """A full disk over midnight does not charge November's dollars to December."""
    world = World()
    world.keeper.read()
    assert world.spent(40.0) == 40.0
    world.seconds = BERLIN_TURN - NOON
    assert world.spent(40.0) == 0.0
    world.keeper.read()
    assert world.spent(41.0) == 1.0


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


@pytest.mark.parametrize("seed", range(20))
def test_every_dollar_counts_once_whatever_is_written_and_read_when(seed: int) -> None:
    """Over three months of a server: spending, writing and reading in any order, with days on which nothing can be
    written, what is shown is what was spent in the month, at every moment."""
    chance, world = random.Random(seed), World()
    spends: list[tuple[float, float]] = []
    written = 0

    def in_month(count: int) -> float:
        start = current_period(world.budgets[0], world.now).start
        return sum(usd for at, usd in spends[:count] if at >= start)

    world.keeper.read()
    for _ in range(600):
        world.seconds += chance.choice((1, 30, 3600, 6 * 3600))
        own = sum(usd for _, usd in spends)
        assert world.spent(own) == pytest.approx(in_month(len(spends)))
        what = chance.random()
        if what < 0.5:
            spends.append((world.now, chance.choice((0.25, 1.0, 8.0))))
        elif what < 0.6:
            written = len(spends)
            world.write(acme=sum(usd for _, usd in spends))
        elif what < 0.9:
            world.total = {"acme": in_month(written)}
            world.keeper.read()
        own = sum(usd for _, usd in spends)
        assert world.spent(own) == pytest.approx(in_month(len(spends)))
