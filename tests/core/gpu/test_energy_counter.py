"""Energy never falls and is never invented."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.gpu.energy_counter import STUCK_SECONDS, EnergyCounter

WATTS = 2000.0


def after(*joules: float, watts: float = WATTS) -> EnergyCounter:
    """A counter that was read once a second."""
    counter = EnergyCounter.started(joules[0], 0.0)
    for second, each in enumerate(joules[1:], 1):
        counter = counter.advanced(each, float(second), watts)
    return counter


def test_energy_is_what_was_drawn_since_the_first_reading() -> None:
    """The driver's count from before this source is not its energy."""
    assert after(5000.0, 5300.0, 5450.0).total_joules == 450.0


def test_a_reloaded_driver_counts_from_zero_and_the_total_goes_on() -> None:
    """After a reset the counter holds what was drawn since, once a second reading agrees; the total never falls."""
    assert after(5000.0, 5300.0, 200.0).total_joules == 300.0
    assert after(5000.0, 5300.0, 200.0, 250.0).total_joules == 300.0 + 250.0


def test_a_counter_that_wraps_loses_less_than_a_reading() -> None:
    """32 bits of millijoules are full after 100 minutes at 700 W: what it counted up to there since its last reading is
    lost, and no more."""
    full = 2**32 / 1000
    assert after(full - 1000.0, full - 300.0, 400.0, 1100.0).total_joules == 700.0 + 1100.0


def test_a_gap_in_the_readings_loses_no_energy() -> None:
    """The hardware counted while nobody looked."""
    assert EnergyCounter.started(0.0, 0.0).advanced(400.0 * 3600, 3600.0, WATTS).total_joules == 400.0 * 3600


@pytest.mark.parametrize("glitch", [1e9, 0.0, 5.0, 999.0, 1_000_000.0, math.nan, math.inf, -math.inf])
def test_a_glitch_is_not_energy_and_loses_none(glitch: float) -> None:
    """High, low, or no number at all, for one reading: the next true one says what was drawn."""
    assert after(1000.0, glitch).total_joules == 0.0
    assert after(1000.0, glitch, 1600.0).total_joules == 600.0
    assert after(1000.0, 1300.0, glitch, 1900.0, 2200.0).total_joules == 1200.0


def test_a_counter_that_jumps_and_goes_on_from_there_is_followed_from_there() -> None:
    """The jump itself is not energy, up or down."""
    assert after(1000.0, 1e9, 1e9 + 300.0, 1e9 + 600.0).total_joules == 600.0
    assert after(1e9, 9e8, 9e8 + 300.0, 9e8 + 600.0).total_joules == 600.0


def test_a_counter_that_says_something_else_each_time_adds_nothing() -> None:
    """No reading agrees with another."""
    assert after(1000.0, 1e9, 5e4, 3e8, 7e6, 2e9, 4e4).total_joules == 0.0


def test_the_gpus_own_limit_bounds_the_rise() -> None:
    """3,000 J in a second are not from a GPU of 450 W."""
    assert after(0.0, 3000.0, watts=675.0).total_joules == 0.0
    assert after(0.0, 3000.0, watts=2000.0).total_joules == 3000.0


def test_a_counter_that_stands_still_is_told_from_one_that_counts() -> None:
    """After a minute without a rise, and no longer once it rises."""
    counter = EnergyCounter.started(1000.0, 0.0)
    for second in range(1, 62):
        counter = counter.advanced(1000.0, float(second), WATTS)
        assert counter.is_stuck(float(second)) == (second > STUCK_SECONDS)
    assert not counter.advanced(1001.0, 62.0, WATTS).is_stuck(62.0)


@given(st.lists(st.tuples(st.floats(0, 1e12), st.floats(-10, 1e4)), max_size=30))
def test_the_total_never_falls_and_never_outruns_a_gpu(readings: list[tuple[float, float]]) -> None:
    """Whatever counter and clock do, there is never more energy than a GPU can draw in the time it was read."""
    counter, now, allowed = EnergyCounter.started(100.0, 0.0), 0.0, 0.0
    for joules, step_seconds in readings:
        now += step_seconds
        later = counter.advanced(joules, now, WATTS)
        allowed += WATTS * (max(step_seconds, 0.0) + 1.0)
        assert later.total_joules >= counter.total_joules
        assert later.total_joules <= allowed * (1 + 1e-9) + 1e-3
        counter = later
