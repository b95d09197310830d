"""Joules per GPU, and what they are charged from."""

from __future__ import annotations

from typing import Any

import pytest

from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter.electricity.energy import UNSEEN, EnergyMeter


def gpus(now: float, *facts: dict[str, Any]) -> GpuReadings:
    """Readings of GPUs 0, 1, ..."""
    gpus = tuple(GpuReading(str(i), i, f"GPU-{i}", "RTX 4090", **fact) for i, fact in enumerate(facts))
    return GpuReadings(True, gpus, now)


def test_the_counter_is_followed_from_its_first_reading() -> None:
    """It may start anywhere; what was drawn before the meter is not charged."""
    energy = EnergyMeter(2, None)
    energy.advance(1.0, gpus(1.0, {"energy_joules": 9e6}, {"energy_joules": 5.0}))
    tick = energy.advance(1.0, gpus(2.0, {"energy_joules": 9e6 + 300}, {"energy_joules": 105.0}))
    assert tick.joules == (300.0, 100.0)
    assert energy.measured_joules() == {"0": 300.0, "1": 100.0}
    assert energy.watts() == pytest.approx(400.0)
    assert energy.sources() == {"0": "counter", "1": "counter"}


def test_a_driver_that_was_away_is_made_up_for_by_its_counter() -> None:
    """Nothing is added while it is away, everything when it is back."""
    energy = EnergyMeter(1, 450.0)
    energy.advance(1.0, gpus(1.0, {"energy_joules": 100.0}))
    assert energy.advance(1.0, GpuReadings(up=False)).joules == ()
    assert energy.advance(1.0, GpuReadings(up=False)).unseen_joules == 0
    assert energy.advance(1.0, gpus(4.0, {"energy_joules": 700.0})).joules == (600.0,)


def test_a_counter_that_restarts_never_takes_energy_back() -> None:
    """A reloaded driver begins at zero: a new baseline."""
    energy = EnergyMeter(1, None)
    for now, joules in enumerate((100.0, 200.0, 3.0, 13.0)):
        energy.advance(1.0, gpus(float(now), {"energy_joules": joules}))
    assert energy.measured_joules() == {"0": 110.0}


def test_power_is_integrated_where_there_is_no_counter() -> None:
    """Trapezoids between readings; the same reading seen twice adds nothing."""
    energy = EnergyMeter(1, None)
    energy.advance(1.0, gpus(10.0, {"power_watts": 100.0}))
    assert energy.advance(1.0, gpus(10.0, {"power_watts": 100.0})).joules == (0.0,)
    assert energy.advance(1.0, gpus(12.0, {"power_watts": 300.0})).joules == (400.0,)
    assert energy.sources() == {"0": "power"}


def test_rated_power_stands_in_only_for_what_was_never_measured() -> None:
    """No driver at all: rated power of every GPU, an estimate that is not called measured."""
    energy = EnergyMeter(2, 450.0)
    assert energy.advance(10.0, GpuReadings(up=False)).unseen_joules == 9000.0
    assert energy.measured_joules() == {}
    assert energy.sources() == {UNSEEN: "tdp"}
    assert energy.watts() == 900.0


def test_a_gpu_that_tells_neither_is_charged_its_rated_power() -> None:
    """A MIG slice has no energy of its own."""
    energy = EnergyMeter(1, 700.0)
    assert energy.advance(2.0, gpus(1.0, {})).joules == (1400.0,)
    assert (energy.sources(), energy.measured_joules()) == ({"0": "tdp"}, {})


def test_with_nothing_known_nothing_is_said() -> None:
    """No reading and no rated power: no source, no joule."""
    energy = EnergyMeter(1, None)
    assert energy.advance(1.0, gpus(1.0, {})).joules == (0.0,)
    assert (energy.sources(), energy.measured_joules(), energy.watts()) == ({}, {}, None)


def test_gpus_on_other_machines_are_charged_their_rated_power() -> None:
    """Four GPUs, two of them in sight: those are measured, the others estimated and named as such. While the driver
    here is away, the two are charged nothing and have no source; the others go on."""
    energy = EnergyMeter(4, 700.0)
    here = {"energy_joules": 0.0}
    energy.advance(1.0, gpus(1.0, here, here))
    tick = energy.advance(1.0, gpus(2.0, {"energy_joules": 300.0}, {"energy_joules": 500.0}))
    assert (tick.joules, tick.unseen_joules) == ((300.0, 500.0), 1400.0)
    assert energy.sources() == {"0": "counter", "1": "counter", UNSEEN: "tdp"}
    assert (energy.watts(), energy.problem()) == (2200.0, None)
    assert energy.advance(1.0, GpuReadings(up=False)).unseen_joules == 1400.0
    assert energy.sources() == {UNSEEN: "tdp"}
    assert energy.measured_joules() == {"0": 300.0, "1": 500.0}
    assert (energy.watts(), energy.problem()) == (None, "not_measured")


@pytest.mark.parametrize("before", [{"energy_joules": 100.0, "power_watts": 90.0}, {"power_watts": 90.0}])
def test_a_gpu_that_no_longer_tells_is_charged_nothing_and_has_no_source(before: dict[str, float]) -> None:
    """Counter and power both lost: rated power would be a number that nobody measured, ten times an idle card's."""
    energy = EnergyMeter(1, 450.0)
    energy.advance(1.0, gpus(1.0, before))
    for second in range(2, 10):
        tick = energy.advance(1.0, gpus(float(second), {}))
        assert (tick.joules, tick.unseen_joules) == ((0.0,), 0.0)
        assert (energy.sources(), energy.watts(), energy.problem()) == ({}, None, "not_measured")


def test_a_gpu_that_tells_again_is_charged_what_it_drew_meanwhile() -> None:
    """By its counter exactly; without one, by a straight line between its power before and after."""
    by_counter, by_power = EnergyMeter(1, 450.0), EnergyMeter(1, 450.0)
    by_counter.advance(1.0, gpus(1.0, {"energy_joules": 100.0}))
    by_power.advance(1.0, gpus(1.0, {"power_watts": 100.0}))
    for energy in (by_counter, by_power):
        energy.advance(6.0, gpus(7.0, {}))
    assert by_counter.advance(1.0, gpus(8.0, {"energy_joules": 850.0})).joules == (750.0,)
    assert by_power.advance(1.0, gpus(8.0, {"power_watts": 300.0})).joules == (1400.0,)
    assert [energy.problem() for energy in (by_counter, by_power)] == [None, None]
    assert [energy.sources() for energy in (by_counter, by_power)] == [{"0": "counter"}, {"0": "power"}]


def test_a_counter_that_comes_and_goes_is_charged_once() -> None:
    """Power stands in for it while it is away, and the counter adds what power did not."""
    energy = EnergyMeter(1, None)
    energy.advance(1.0, gpus(0.0, {"energy_joules": 1000.0, "power_watts": 200.0}))
    assert energy.advance(1.0, gpus(1.0, {"power_watts": 220.0})).joules == (210.0,)
    tick = energy.advance(1.0, gpus(2.0, {"energy_joules": 1430.0, "power_watts": 220.0}))
    assert tick.joules == (220.0,)
    assert energy.measured_joules() == {"0": 430.0}
    assert energy.watts() == 215.0


def test_a_counter_is_the_source_until_it_has_been_away_for_a_minute() -> None:
    """dcgm-exporter counts every 30 s by default; a counter that stays away is no source."""
    energy = EnergyMeter(1, None)
    energy.advance(1.0, gpus(0.0, {"energy_joules": 1000.0, "power_watts": 200.0}))
    energy.advance(30.0, gpus(30.0, {"power_watts": 200.0}))
    assert energy.sources() == {"0": "counter"}
    energy.advance(31.0, gpus(61.0, {"power_watts": 200.0}))
    assert energy.sources() == {"0": "power"}


def test_power_beyond_what_the_counter_then_says_is_not_taken_back() -> None:
    """What was charged stays, and the counter's next increase is charged less by it."""
    energy = EnergyMeter(1, None)
    energy.advance(1.0, gpus(0.0, {"energy_joules": 1000.0, "power_watts": 200.0}))
    energy.advance(1.0, gpus(1.0, {"power_watts": 200.0}))
    assert energy.advance(1.0, gpus(2.0, {"energy_joules": 1150.0})).joules == (0.0,)
    assert energy.advance(1.0, gpus(3.0, {"energy_joules": 1350.0})).joules == (150.0,)
    assert energy.advance(1.0, gpus(4.0, {"energy_joules": 1550.0})).joules == (200.0,)


def test_a_gpu_that_never_told_is_charged_its_rated_power_also_while_the_driver_is_away() -> None:
    """A slice behind a driver that hangs: nothing will make up for it later."""
    energy = EnergyMeter(1, 700.0)
    assert energy.advance(1.0, gpus(1.0, {})).joules == (700.0,)
    away = energy.advance(1.0, GpuReadings(up=False))
    assert (away.joules, away.unseen_joules, energy.sources()) == ((), 700.0, {UNSEEN: "tdp"})


def test_a_gpu_without_a_rating_that_never_told_is_a_problem_that_is_named() -> None:
    """Nothing can be charged for it, and that is said."""
    energy = EnergyMeter(1, None)
    energy.advance(1.0, gpus(1.0, {}))
    assert energy.problem() == "no_rated_power"


def test_power_is_unknown_as_long_as_a_gpu_is() -> None:
    """A GPU out of sight without a rated power: no figure for the whole server."""
    energy = EnergyMeter(2, None)
    for now, joules in ((1.0, 0.0), (2.0, 300.0)):
        energy.advance(1.0, gpus(now, {"energy_joules": joules}))
    assert (energy.watts(), energy.sources()) == (None, {"0": "counter"})


def test_power_readings_that_come_back_in_time_add_nothing() -> None:
    """Trapezoids go on from the latest moment that was read."""
    energy = EnergyMeter(1, None)
    for now, joules in ((10.0, 0.0), (12.0, 200.0), (11.0, 0.0), (14.0, 200.0), (14.5, 50.0)):
        assert energy.advance(1.0, gpus(now, {"power_watts": 100.0})).joules == (joules,)


def test_a_counter_that_stands_still_charges_nothing() -> None:
    """A power reading beside it is of the last moment only; the counter knows better."""
    energy = EnergyMeter(1, None)
    for now in (1.0, 2.0):
        told = {"energy_joules": 500.0, "power_watts": 90.0}
        assert energy.advance(1.0, gpus(now, told)).joules == (0.0,)
    assert energy.watts() == 0.0


def test_what_was_charged_ahead_of_the_counter_is_worked_off_first() -> None:
    """200 J by power where the counter then says 150: the next 50 J by power are charged already, and in the end all
    that was charged is what the counter grew by."""
    energy = EnergyMeter(1, None)
    energy.advance(1.0, gpus(100.0, {"energy_joules": 1000.0, "power_watts": 200.0}))
    charged = [
        energy.advance(1.0, gpus(now, told)).joules[0]
        for now, told in (
            (101.0, {"power_watts": 200.0}),
            (102.0, {"energy_joules": 1150.0}),
            (103.0, {"power_watts": 30.0}),
            (104.0, {"power_watts": 30.0}),
            (105.0, {"energy_joules": 1250.0}),
        )
    ]
    assert charged == [200.0, 0.0, 0.0, 10.0, 40.0]
    assert energy.measured_joules() == {"0": 250.0}


@pytest.mark.parametrize(("away", "source"), [(60.0, "counter"), (60.5, "power")])
def test_a_counter_may_be_away_for_a_whole_minute(away: float, source: str) -> None:
    """Since it was last read, whenever that was."""
    energy = EnergyMeter(1, None)
    energy.advance(1.0, gpus(500.0, {"energy_joules": 1000.0, "power_watts": 200.0}))
    energy.advance(away, gpus(500.0 + away, {"power_watts": 200.0}))
    assert energy.sources() == {"0": source}


def test_one_reading_of_a_counter_tells_no_power() -> None:
    """Two readings do: 300 J in half a second."""
    energy = EnergyMeter(1, None)
    energy.advance(1.0, gpus(1.0, {"energy_joules": 9e6}))
    assert energy.watts() is None
    energy.advance(0.5, gpus(1.5, {"energy_joules": 9e6 + 300}))
    assert energy.watts() == 600.0
