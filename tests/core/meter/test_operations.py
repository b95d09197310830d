"""How long a server took to start, to fall asleep and to wake up."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.meter.operations import START, Durations, Operation, OperationLog

WAKE_1, WAKE_2 = Operation("wake", 1), Operation("wake", 2)


def asleep(level: int = 1) -> OperationLog:
    """It fell asleep, which took half a second."""
    log = OperationLog({})
    log.slept(level, 0.5)
    return log


@pytest.mark.parametrize("fully", [None, True])
def test_a_wake_up_is_from_its_call_to_its_end(fully: bool | None) -> None:
    """In one call, of a vLLM that says whether all is awake, and of one that says nothing."""
    log = asleep()
    log.woke(10.0, 12.5, None, fully)
    assert log.totals == {Operation("sleep", 1): Durations(1, 0.5), WAKE_1: Durations(1, 2.5)}


@pytest.mark.parametrize("says", [True, False])
def test_a_wake_up_in_parts_is_from_the_first_call_to_the_last(says: bool) -> None:
    """At level 2 weights come first, are loaded anew, and then comes the cache. A part that is awake already, and one
    that there is not, changes nothing."""
    log = asleep(2)
    for began, ended, tags, fully in (
        (10.0, 11.0, ["weights"], False),
        (12.0, 12.1, ["weights"], False),
        (13.0, 13.1, ["engine"], False),
        (20.0, 21.0, ["kv_cache"], True),
    ):
        log.woke(began, ended, tags, fully if says else None)
    assert log.totals[WAKE_2] == Durations(1, 11.0)
    assert WAKE_1 not in log.totals


def test_each_wake_up_is_counted_once() -> None:
    """A second call on an engine that is awake, or that never slept here, is none."""
    log = OperationLog({})
    log.woke(1.0, 2.0, None, True)
    assert log.totals == {}
    for at in (10.0, 20.0):
        log.slept(1, 0.5)
        log.woke(at, at + 1, ["weights", "kv_cache"], None)
        log.woke(at + 2, at + 3, None, None)
    assert log.totals[WAKE_1] == Durations(2, 2.0)


def test_a_pause_is_no_sleep() -> None:
    """Level 0 frees nothing; a sleep that follows it counts, at its own level."""
    log = OperationLog({})
    log.slept(0, 0.1)
    log.woke(1.0, 1.1, ["scheduling"], None)
    assert log.totals == {}
    log.slept(0, 0.1)
    log.slept(2, 0.3)
    log.woke(5.0, 5.1, ["scheduling"], None)
    log.woke(6.0, 9.0, None, None)
    assert log.totals[WAKE_2] == Durations(1, 4.0)


def test_a_start_is_counted_once_and_a_reader_sees_whole_totals() -> None:
    """Each change is a new object: another thread may hold the one before."""
    log = OperationLog({})
    before = log.totals
    log.started(95.0)
    log.started(96.0)
    assert before == {}
    assert log.totals == {START: Durations(1, 96.0)}


def test_the_deepest_sleep_is_the_one_that_is_woken_from() -> None:
    """Level 2 and then 1 again: weights are gone all the same."""
    log = asleep(2)
    log.slept(1, 0.25)
    log.woke(5.0, 7.0, None, None)
    assert log.totals == {
        Operation("sleep", 2): Durations(1, 0.5),
        Operation("sleep", 1): Durations(1, 0.25),
        WAKE_2: Durations(1, 2.0),
    }


def test_a_clock_that_steps_back_takes_no_time_away() -> None:
    """It is counted, with no length; a short one has its own."""
    log = asleep()
    log.woke(5.0, 4.0, None, None)
    log.slept(1, 0.25)
    log.woke(6.0, 6.25, None, None)
    assert log.totals == {Operation("sleep", 1): Durations(2, 0.75), WAKE_1: Durations(2, 0.25)}


def test_durations_are_added_and_subtracted_field_by_field() -> None:
    """Those of several processes, and the increase of one."""
    assert Durations(3, 5.0).plus(Durations(1, 0.5)) == (4, 5.5)
    assert Durations(3, 5.0).minus(Durations(1, 0.5)) == (2, 4.5)
