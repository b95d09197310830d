"""Joules per GPU: from the driver's counter, else from its power readings, else from the card's rated power."""

from __future__ import annotations

from dataclasses import dataclass, field

from vllm_costmeter.core.gpu_reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter.exact_sum import ExactSum
from vllm_costmeter.core.meter.reading import EnergySource

UNSEEN = "unseen"
"""Stands for the GPUs that no driver shows, whose energy is their rated power."""


@dataclass(frozen=True, slots=True)
class EnergyTick:
    """What one tick added."""

    joules: tuple[float, ...]
    """One figure per GPU read, in the order of the readings: a server's GPUs come in the order of its ranks."""
    unseen_joules: float
    """Of GPUs without any reading, at rated power."""


@dataclass(slots=True)
class _GpuEnergy:
    source: EnergySource
    measured: ExactSum = field(default_factory=ExactSum)
    counter_joules: float | None = None
    power_watts: float | None = None
    observed_seconds: float = 0.0
    watts: float | None = None
    """Mean power between the last two readings."""


class EnergyMeter:
    """Follows each GPU. A driver that vanishes adds nothing; its counter makes up for the gap when it is back, and
    power readings are joined by a straight line over the gap. Rated power is charged only for a GPU that was never
    measured, such as those of a server's other machines, which no driver here shows.
    """

    def __init__(self, gpu_count: int, tdp_watts: float | None) -> None:
        self._gpu_count = gpu_count
        self._tdp_watts = tdp_watts
        self._gpus: dict[str, _GpuEnergy] = {}

    def advance(self, elapsed_seconds: float, readings: GpuReadings) -> EnergyTick:
        """Joules since the last tick."""
        observed = readings.read_monotonic_seconds or 0.0
        joules = tuple(self._add(reading, elapsed_seconds, observed) for reading in readings.gpus)
        return EnergyTick(joules, self._unseen() * (self._tdp_watts or 0.0) * elapsed_seconds)

    def measured_joules(self) -> dict[str, float]:
        """By GPU, since the start; GPUs that were never measured are missing."""
        return {gpu: state.measured.value for gpu, state in self._gpus.items() if state.source != "tdp"}

    def sources(self) -> dict[str, EnergySource]:
        """By GPU: what its energy comes from."""
        sources = {gpu: state.source for gpu, state in self._gpus.items()}
        if self._unseen() and self._tdp_watts is not None:
            sources[UNSEEN] = "tdp"
        return sources

    def watts(self) -> float | None:
        """Present power of all GPUs together; None as long as one of them is unknown."""
        known = [state.watts for state in self._gpus.values()] + [self._tdp_watts] * self._unseen()
        return None if None in known else sum(watts for watts in known if watts is not None)

    def _unseen(self) -> int:
        return max(0, self._gpu_count - len(self._gpus))

    def _add(self, reading: GpuReading, elapsed_seconds: float, observed_seconds: float) -> float:
        state = self._gpus.get(reading.label)
        if state is None:
            if reading.energy_joules is None and reading.power_watts is None and self._tdp_watts is None:
                return 0.0
            state = self._gpus[reading.label] = _GpuEnergy("tdp", observed_seconds=observed_seconds)
        if reading.energy_joules is not None:
            return self._add_counter(state, reading.energy_joules, observed_seconds)
        if reading.power_watts is not None:
            return self._add_power(state, reading.power_watts, observed_seconds)
        if state.source == "tdp" and self._tdp_watts is not None:
            state.watts = self._tdp_watts
            return self._tdp_watts * elapsed_seconds
        return 0.0

    @staticmethod
    def _add_counter(state: _GpuEnergy, counter_joules: float, observed_seconds: float) -> float:
        before, seconds = state.counter_joules, observed_seconds - state.observed_seconds
        state.source, state.counter_joules, state.power_watts = "counter", counter_joules, None
        if before is None or counter_joules < before:  # the first reading, or the driver was reloaded
            state.observed_seconds = observed_seconds
            return 0.0
        if seconds > 0:
            state.watts = (counter_joules - before) / seconds
            state.observed_seconds = observed_seconds
        state.measured.add(counter_joules - before)
        return counter_joules - before

    @staticmethod
    def _add_power(state: _GpuEnergy, power_watts: float, observed_seconds: float) -> float:
        before, seconds = state.power_watts, observed_seconds - state.observed_seconds
        state.source, state.counter_joules, state.power_watts = "power", None, power_watts
        state.watts = power_watts
        state.observed_seconds = max(state.observed_seconds, observed_seconds)
        if before is None or seconds <= 0:
            return 0.0
        joules = (before + power_watts) / 2 * seconds
        state.measured.add(joules)
        return joules
