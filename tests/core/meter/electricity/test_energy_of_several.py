"""Energy of several GPUs of which not all tell the same."""

from __future__ import annotations

from typing import Any

from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter.electricity.energy import EnergyMeter


def gpus(now: float, *facts: dict[str, Any]) -> GpuReadings:
    """Readings of GPUs 0, 1, ..."""
    gpus = tuple(GpuReading(str(i), i, f"GPU-{i}", "RTX 4090", **fact) for i, fact in enumerate(facts))
    return GpuReadings(True, gpus, now)


def test_measured_and_rated_gpus_are_kept_apart() -> None:
    """A GPU that tells nothing is charged its rated power and has no measurement."""
    energy = EnergyMeter(2, 700.0)
    energy.advance(1.0, gpus(1.0, {"energy_joules": 0.0}, {}))
    tick = energy.advance(2.0, gpus(3.0, {"energy_joules": 300.0}, {}))
    assert (tick.joules, tick.unseen_joules) == ((300.0, 1400.0), 0.0)
    assert tick.measured_joules == (300.0, 0.0)
    assert (energy.watts(), energy.problem()) == (850.0, None)
    assert energy.sources() == {"0": "counter", "1": "tdp"}


def test_one_gpu_of_two_that_no_longer_tells_is_a_problem() -> None:
    """The other is charged on; the power of both together is unknown."""
    energy = EnergyMeter(2, 700.0)
    for now in (1.0, 2.0):
        energy.advance(1.0, gpus(now, {"power_watts": 100.0}, {"power_watts": 100.0}))
    assert energy.advance(1.0, gpus(3.0, {"power_watts": 100.0}, {})).joules == (100.0, 0.0)
    assert (energy.sources(), energy.watts(), energy.problem()) == ({"0": "power"}, None, "not_measured")


def test_every_gpu_in_sight_is_rated_also_more_than_were_expected() -> None:
    """Two that tell nothing, where one was expected: none of them is out of sight."""
    energy = EnergyMeter(1, 700.0)
    tick = energy.advance(1.0, gpus(1.0, {}, {}))
    assert (tick.joules, tick.unseen_joules) == ((700.0, 700.0), 0.0)
    assert (energy.watts(), energy.sources()) == (1400.0, {"0": "tdp", "1": "tdp"})
