"""Energy never falls and is never invented."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.energy_counter import LARGEST_CARD_WATTS, EnergyCounter


def test_energy_is_what_was_drawn_since_the_first_reading() -> None:
    """The driver's count from before this source is not its energy."""
    counter = EnergyCounter.started(5000.0, 0.0).advanced(5300.0, 1.0).advanced(5450.0, 2.0)
    assert counter.total_joules == 450.0


def test_a_reloaded_driver_counts_from_zero_and_the_total_goes_on() -> None:
    """After a reset the counter holds what was drawn since; the total never falls."""
    counter = EnergyCounter.started(5000.0, 0.0).advanced(5300.0, 1.0).advanced(200.0, 2.0)
    assert counter.total_joules == 500.0


def test_a_gap_in_the_readings_loses_no_energy() -> None:
    """The hardware counted while nobody looked."""
    assert EnergyCounter.started(0.0, 0.0).advanced(400.0 * 3600, 3600.0).total_joules == 400.0 * 3600


def test_a_rise_that_no_card_could_draw_is_left_out() -> None:
    """A glitch or another card's counter is not energy, up or down."""
    started = EnergyCounter.started(1000.0, 0.0)
    assert started.advanced(1e9, 1.0).total_joules == 0.0
    assert EnergyCounter.started(1e9, 0.0).advanced(9e8, 1.0).total_joules == 0.0
    assert started.advanced(1e9, 1.0).advanced(1e9 + 300.0, 2.0).total_joules == 300.0


@given(st.lists(st.tuples(st.floats(0, 1e12), st.floats(-10, 1e4)), max_size=30))
def test_the_total_never_falls_and_never_outruns_a_card(readings: list[tuple[float, float]]) -> None:
    """Whatever counter and clock do, each step adds between nothing and what a card can draw."""
    counter, now = EnergyCounter.started(100.0, 0.0), 0.0
    for joules, step_seconds in readings:
        now += step_seconds
        after = counter.advanced(joules, now)
        rise = after.total_joules - counter.total_joules
        assert -1e-6 <= rise <= LARGEST_CARD_WATTS * (max(step_seconds, 0.0) + 1.0) + 1e-3
        counter = after
