"""Active and asleep seconds from what steps report."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.meter.activity import EngineActivity, EngineEvent


def test_active_from_the_first_running_step_to_the_last() -> None:
    """An interval opens with a step that leaves requests running and closes with the one that leaves none."""
    activity = EngineActivity(0.0)
    activity.step(10.0, running_requests=2)
    activity.step(11.0, running_requests=1)
    assert activity.active_seconds(12.0) == pytest.approx(2.0)
    activity.step(13.0, running_requests=0)
    assert activity.active_seconds(99.0) == pytest.approx(3.0)


def test_a_request_that_lived_within_one_step_counts() -> None:
    """It is seen once, when nothing runs any more; its beginning is what the step says."""
    activity = EngineActivity(0.0)
    activity.step(10.0, running_requests=0, began_seconds=7.5)
    assert activity.active_seconds(10.0) == pytest.approx(2.5)


def test_a_later_step_may_know_an_earlier_beginning() -> None:
    """The first chunk of a long prompt reports no token; the request's finish tells when it began."""
    activity = EngineActivity(0.0)
    activity.step(10.0, running_requests=1)
    activity.step(12.0, running_requests=0, began_seconds=8.0)
    assert activity.active_seconds(12.0) == pytest.approx(4.0)


def test_a_beginning_never_reaches_into_what_was_counted() -> None:
    """Time before the last interval's end, or spent asleep, is not counted twice."""
    activity = EngineActivity(0.0)
    activity.step(10.0, running_requests=0, began_seconds=5.0)
    activity.step(12.0, running_requests=0, began_seconds=1.0)
    assert activity.active_seconds(12.0) == pytest.approx(7.0)
    activity.sleep(12.0, asleep=True)
    activity.sleep(20.0, asleep=False)
    activity.step(21.0, running_requests=0, began_seconds=13.0)
    assert activity.active_seconds(21.0) == pytest.approx(8.0)
    assert activity.asleep_seconds(21.0) == pytest.approx(8.0)


def test_falling_asleep_ends_the_work() -> None:
    """Sleep aborts what runs: active time stops there, and stays stopped until a step after waking."""
    activity = EngineActivity(0.0)
    activity.step(1.0, running_requests=1)
    activity.sleep(5.0, asleep=True)
    activity.sleep(6.0, asleep=True)
    activity.step(7.0, running_requests=0)
    assert activity.asleep
    assert (activity.active_seconds(9.0), activity.asleep_seconds(9.0)) == (4.0, 4.0)
    activity.step(10.0, running_requests=1)
    assert not activity.asleep
    assert (activity.active_seconds(11.0), activity.asleep_seconds(11.0)) == (1.0 + 4.0, 5.0)


def test_intervals_shorter_than_a_second_are_as_long_as_they_are() -> None:
    """Open or closed, active or asleep; asked for a moment before it began, an open one has no length."""
    activity = EngineActivity(0.0)
    activity.step(10.0, running_requests=1)
    assert [activity.active_seconds(now) for now in (9.0, 10.25)] == [0.0, 0.25]
    activity.step(10.5, running_requests=0)
    assert activity.active_seconds(99.0) == 0.5
    activity.sleep(20.0, asleep=True)
    assert [activity.asleep_seconds(now) for now in (19.0, 20.25)] == [0.0, 0.25]
    activity.sleep(20.5, asleep=False)
    assert activity.asleep_seconds(99.0) == 0.5


def test_reports_out_of_order_never_count_twice() -> None:
    """A step or a sleep that is told after a later end begins and ends there."""
    activity = EngineActivity(5.0)
    activity.step(3.0, running_requests=0, began_seconds=1.0)
    assert activity.active_seconds(9.0) == 0.0
    activity.step(10.0, running_requests=0, began_seconds=8.0)
    activity.sleep(9.0, asleep=True)
    activity.sleep(12.0, asleep=False)
    assert (activity.active_seconds(12.0), activity.asleep_seconds(12.0)) == (2.0, 2.0)


def test_a_recorded_event_is_what_it_records() -> None:
    """Steps with their beginning and what still runs, sleep and waking."""
    activity = EngineActivity(0.0)
    for event in (
        EngineEvent(5.0, "step", 1, 4.0),
        EngineEvent(6.0, "step"),
        EngineEvent(10.0, "sleep"),
        EngineEvent(13.0, "wake"),
    ):
        activity.apply(event)
    assert (activity.active_seconds(20.0), activity.asleep_seconds(20.0)) == (2.0, 3.0)
    assert not activity.asleep


@given(
    st.lists(
        st.tuples(
            st.floats(0, 5),
            st.sampled_from(["step", "sleep", "wake"]),
            st.integers(0, 2),
            st.none() | st.floats(0, 10),
        )
    )
)
def test_states_never_exceed_the_time(reports: list[tuple[float, str, int, float | None]]) -> None:
    """Whatever is reported, active + asleep <= elapsed, and neither falls while time goes on."""
    activity, now, before = EngineActivity(0.0), 0.0, (0.0, 0.0)
    for gap, kind, running, age in reports:
        now += gap
        began = None if age is None else now - age
        activity.apply(EngineEvent(now, kind, running, began))  # type: ignore[arg-type]
        after = (activity.active_seconds(now), activity.asleep_seconds(now))
        assert after[0] >= before[0] - 1e-9
        assert after[1] >= before[1]
        assert sum(after) <= now + 1e-9
        before = after
