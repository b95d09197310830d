"""What a tick of one engine is charged."""

from __future__ import annotations

from vllm_costmeter.core.meter.engine_account import EngineAccount, Unbilled
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.state_bill import StateSeconds
from vllm_costmeter.core.meter.step_counts import StepCounts


def totals(steps: int, active: float, asleep: float) -> EngineTotals:
    """An engine that was active and asleep for so long since it started."""
    return EngineTotals(0, StepCounts(steps=steps), active_seconds=active, asleep_seconds=asleep)


def test_seconds_are_those_since_the_first_snapshot_and_fit_the_clock() -> None:
    """An engine that ran for 100 s and slept for 50 s before: only what it adds is charged, sleep first, at most the
    tick; the rest is owed. Totals that are revised downwards pause the charge."""
    account = EngineAccount()
    charged = []
    for elapsed, reported in (
        (10.0, totals(9, 100.0, 50.0)),
        (10.0, totals(10, 104.0, 53.0)),
        (1.0, totals(11, 107.5, 53.0)),
        (2.0, totals(12, 107.5, 53.0)),
        (0.5, totals(13, 107.5, 53.0)),
        (4.0, totals(14, 106.0, 53.0)),
        (5.0, totals(15, 108.5, 60.0)),
        (5.0, totals(16, 108.5, 60.0)),
    ):
        seconds, work = account.advance(elapsed, reported)
        charged.append((tuple(seconds), account.owed_seconds))
        assert work.active_seconds == seconds.active
    assert charged == [
        ((0.0, 10.0, 0.0), 0.0),
        ((4.0, 3.0, 3.0), 0.0),
        ((1.0, 0.0, 0.0), 2.5),
        ((2.0, 0.0, 0.0), 0.5),
        ((0.5, 0.0, 0.0), 0.0),
        ((0.0, 4.0, 0.0), 0.0),
        ((0.0, 0.0, 5.0), 1.0),
        ((1.0, 2.0, 2.0), 0.0),
    ]


def test_an_engine_that_is_not_seen_owes_nothing() -> None:
    """Its time is idle, and requests need not wait for it; its totals go on where they were."""
    account = EngineAccount()
    assert account.owed_seconds == 0.0
    account.advance(1.0, totals(1, 0.0, 0.0))
    account.advance(1.0, totals(2, 5.0, 0.0))
    assert account.owed_seconds == 4.0
    assert account.advance(2.0, None)[0] == StateSeconds(0.0, 2.0, 0.0)
    assert account.owed_seconds == 0.0
    assert account.advance(9.0, totals(3, 5.0, 0.0))[0] == StateSeconds(4.0, 5.0, 0.0)


def test_a_replaced_engine_is_a_new_baseline() -> None:
    """Its steps fell: what it did before the first look at it is not known, what it adds is charged in full."""
    account = EngineAccount()
    account.advance(1.0, totals(50, 10.0, 10.0))
    account.advance(9.0, totals(60, 14.0, 12.0))
    assert account.advance(9.0, totals(2, 3.0, 1.0))[0] == StateSeconds(0.0, 9.0, 0.0)
    assert account.advance(9.0, totals(2, 5.0, 4.0))[0] == StateSeconds(2.0, 4.0, 3.0)


def test_unbilled_time_waits_for_what_is_charged() -> None:
    """Late joules belong to all the time since the last ones, and to none before."""
    unbilled = Unbilled()
    unbilled.add(StateSeconds(1.0, 2.0, 4.0))
    assert unbilled.take(nothing=True) == StateSeconds(1.0, 2.0, 4.0)
    unbilled.add(StateSeconds(8.0, 16.0, 32.0))
    assert unbilled.take(nothing=False) == StateSeconds(9.0, 18.0, 36.0)
    assert unbilled.take(nothing=False) == StateSeconds(0.0, 0.0, 0.0)
