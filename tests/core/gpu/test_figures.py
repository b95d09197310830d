"""From samples of a driver to readings of one GPU."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.gpu.bounds import LeftOut
from vllm_costmeter.core.gpu.device import GpuDevice, VisibleGpu
from vllm_costmeter.core.gpu.figures import GpuFigures, memory_of
from vllm_costmeter.core.gpu.reading import GpuReading, GpuSample, ProcessMemory
from vllm_costmeter.core.memory.byte_range import GIB

OWN = {7}.__contains__


def readings(*samples: GpuSample) -> list[tuple[GpuReading, tuple[LeftOut, ...]]]:
    """Of a GPU rated at 450 W, one sample a second."""
    figures = GpuFigures(VisibleGpu(GpuDevice(0, "GPU-a", "X")), 450.0)
    return [figures.reading(sample, OWN, float(second)) for second, sample in enumerate(samples)]


def counted(*joules: float) -> list[float | None]:
    """The energies that come of these counts."""
    found = readings(*(GpuSample(energy_counter_joules=each, power_watts=300.0) for each in joules))
    return [reading.energy_joules for reading, _ in found]


def test_energy_begins_with_the_first_reading_and_has_no_value_for_a_glitch() -> None:
    """The reading after it holds all that was drawn; whoever charges has power for the moment between."""
    assert counted(1000.0, 1300.0, 1e9, 1900.0) == [0.0, 300.0, None, 900.0]
    assert counted(1000.0, 1300.0, 5.0, 305.0) == [0.0, 300.0, None, 605.0]


def test_a_glitch_is_told_with_both_figures() -> None:
    """From where to where the counter went."""
    (_, (told,)) = readings(GpuSample(energy_counter_joules=5.0), GpuSample(energy_counter_joules=1e9))[-1]
    assert told == LeftOut("energy", "an energy counter that goes from 5 to 1000000000 J is not possible")


def test_a_counter_that_stands_still_is_not_read() -> None:
    """A GPU that answers draws something; its power is still told, and the counter is read again once it counts."""
    found = readings(
        *[GpuSample(energy_counter_joules=1000.0, power_watts=300.0)] * 62,
        GpuSample(energy_counter_joules=1300.0, power_watts=300.0),
    )
    still, again = found[61], found[62]
    assert (still[0].energy_joules, still[0].power_watts) == (None, 300.0)
    assert still[1] == (LeftOut("energy", "the energy counter has not changed for 60 s"),)
    assert (found[60][0].energy_joules, again[0].energy_joules, again[1]) == (0.0, 300.0, ())


def test_a_server_holds_no_more_than_its_gpu_has() -> None:
    """Two processes that each could, and together cannot."""
    each = 13 * GIB
    sample = GpuSample(
        24 * GIB, processes=(ProcessMemory(7, each), ProcessMemory(7, each), ProcessMemory(1, each))
    )
    ((reading, (told,)),) = readings(sample)
    assert reading.process_memory_bytes is None
    assert told.quantity == "process_memory"


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        (None, None),
        ((), None),
        ((ProcessMemory(1, 5),), None),
        ((ProcessMemory(7, 5), ProcessMemory(1, 9)), 5),
        ((ProcessMemory(7, 5), ProcessMemory(7, 6)), 11),
        ((ProcessMemory(7, 5), ProcessMemory(7, None)), None),
        ((ProcessMemory(7, 0),), 0),
    ],
)
def test_own_memory_is_a_sum_or_unknown(
    processes: tuple[ProcessMemory, ...] | None, expected: int | None
) -> None:
    """Only owned processes count; a part that is not told makes the sum unknown, and none listed is not 0."""
    assert memory_of(processes, {7}.__contains__) == expected
