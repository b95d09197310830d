"""GPUs that tell neither joules nor watts are charged by their rated power."""

from __future__ import annotations

from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter.electricity.energy import EnergyMeter

SILENT = tuple(GpuReading(str(i), i, f"GPU-{i}", "RTX 4090") for i in range(2))


def test_every_gpu_in_sight_is_rated_also_more_than_were_expected() -> None:
    """Two that tell nothing, where one was expected: none of them is out of sight."""
    energy = EnergyMeter(1, 700.0)
    tick = energy.advance(1.0, GpuReadings(True, SILENT, 1.0))
    assert (tick.joules, tick.unseen_joules) == ((700.0, 700.0), 0.0)
    assert (energy.watts(), energy.sources()) == (1400.0, {"0": "tdp", "1": "tdp"})
