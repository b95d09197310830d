"""Joules per GPU: from the driver's counter, otherwise its power readings, otherwise the GPU's rated power."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter.exact_sum import ExactSum
from vllm_costmeter.core.meter.reading import EnergyProblem, EnergySource

COUNTER_PAUSE_SECONDS = 60.0
"""How long power readings may bridge two counts before the counter is no longer the source: dcgm-exporter counts every
30 s by default. Our choice, twice that."""
UNSEEN = "unseen"
"""Label of the GPUs that no driver reports, whose energy is estimated from rated power."""


@dataclass(frozen=True, slots=True)
class EnergyTick:
    """The energy of one tick."""

    joules: tuple[float, ...]
    """One value per GPU, in the order of the readings, which is the order of the server's ranks."""
    unseen_joules: float
    """Energy of GPUs without any reading, at rated power."""
    measured_joules: tuple[float, ...] = ()
    """As `joules`, with 0 where rated power stands in for a measurement."""


@dataclass(slots=True)
class _GpuEnergy:
    """A GPU that was measured at least once."""

    source: EnergySource
    measured: ExactSum = field(default_factory=ExactSum)
    is_live: bool = True
    """Whether the driver reports its energy or power now."""
    counter_joules: float | None = None
    counter_seconds: float = 0.0
    ahead_joules: float = 0.0
    """Charged from power readings beyond what the counter has shown: already part of its next increases."""
    integrated_joules: float = 0.0
    """By power readings since the counter was last read."""
    power_watts: float | None = None
    observed_seconds: float = 0.0
    watts: float | None = None
    """Mean power between the last two readings."""

    def add(self, counter_joules: float | None, power_watts: float | None, seconds: float) -> float:
        """Joules up to another reading at `seconds`, which has at least one of the two values."""
        before = self.counter_joules
        if counter_joules is not None and before is not None and counter_joules >= before:
            joules = self._counted(before, counter_joules, seconds)
        else:  # no counter, its first reading, or a source that began anew
            joules = 0.0 if power_watts is None else self._integrated(power_watts, seconds)
            if counter_joules is not None:
                self.ahead_joules = 0.0
        if counter_joules is not None:
            self.counter_joules, self.counter_seconds, self.integrated_joules = counter_joules, seconds, 0.0
        is_counted = (
            self.counter_joules is not None and seconds - self.counter_seconds <= COUNTER_PAUSE_SECONDS
        )
        self.source = "counter" if is_counted else "power"
        self.power_watts = power_watts
        self.observed_seconds = max(self.observed_seconds, seconds)
        self.measured.add(joules)
        return joules

    def _counted(self, before: float, now: float, seconds: float) -> float:
        if seconds > self.counter_seconds:
            self.watts = (now - before) / (seconds - self.counter_seconds)
        joules = now - before - self.ahead_joules
        self.ahead_joules = max(-joules, 0.0)
        return max(joules, 0.0)

    def _integrated(self, watts: float, seconds: float) -> float:
        """A trapezoid since the last reading of any kind; if the power at that time is unknown, the current one is
        used."""
        before = watts if self.power_watts is None else self.power_watts
        joules = (before + watts) / 2 * max(seconds - self.observed_seconds, 0.0)
        self.watts = watts
        if self.counter_joules is None:
            return joules
        self.integrated_joules += joules
        joules = max(self.integrated_joules - self.ahead_joules, 0.0)  # 0 while too much was charged before
        self.ahead_joules += joules
        return joules


class EnergyMeter:
    """Tracks each GPU. While the driver reports neither energy nor power, nothing is charged and the GPU has no
    source: the counter makes up for the gap when it returns, and power readings are interpolated over the gap. Rated
    power, an estimate, is charged only for a GPU that was never measured, such as one on another machine of the
    server; a GPU that was measured may draw far less.
    """

    def __init__(self, gpu_count: int, tdp_watts: float | None) -> None:
        self._gpu_count = gpu_count
        self._tdp_watts = tdp_watts
        self._measured: dict[str, _GpuEnergy] = {}
        self._rated: tuple[str, ...] = ()
        """Visible GPUs for which the driver never reported anything."""

    def advance(self, elapsed_seconds: float, readings: GpuReadings) -> EnergyTick:
        """Joules since the last tick."""
        for state in self._measured.values():
            state.is_live = False
        observed = readings.read_monotonic_seconds or 0.0
        rated_joules = (self._tdp_watts or 0.0) * elapsed_seconds
        added = [(gpu.label, self._add(gpu, observed)) for gpu in readings.gpus]
        self._rated = tuple(label for label, joules in added if joules is None)
        return EnergyTick(
            tuple(rated_joules if joules is None else joules for _, joules in added),
            self._unseen() * rated_joules,
            tuple(joules or 0.0 for _, joules in added),
        )

    def measured_joules(self) -> dict[str, float]:
        """By GPU, since the start; without GPUs that were never measured."""
        return {gpu: state.measured.value for gpu, state in self._measured.items()}

    def sources(self) -> dict[str, EnergySource]:
        """The current energy source by GPU. A GPU without one is not charged."""
        sources = {gpu: state.source for gpu, state in self._measured.items() if state.is_live}
        if self._tdp_watts is not None:
            sources |= dict.fromkeys(self._rated, "tdp")
            if self._unseen():
                sources[UNSEEN] = "tdp"
        return sources

    def is_known(self) -> bool:
        """Whether any energy was ever measured or estimated."""
        return bool(self._measured or self.sources())

    def problem(self) -> EnergyProblem | None:
        """Why the energy of some GPU is neither measured nor estimated now."""
        if not all(state.is_live for state in self._measured.values()):
            return "not_measured"
        return "no_rated_power" if self._tdp_watts is None and self._never_measured() else None

    def watts(self) -> float | None:
        """Current power of all GPUs together; None while one of them is unknown."""
        known = [state.watts for state in self._measured.values()] + [
            self._tdp_watts
        ] * self._never_measured()
        if None in known or self.problem() is not None:
            return None
        return sum(watts for watts in known if watts is not None)

    def _never_measured(self) -> int:
        return max(self._gpu_count - len(self._measured), len(self._rated))

    def _unseen(self) -> int:
        return self._never_measured() - len(self._rated)

    def _add(self, reading: GpuReading, observed_seconds: float) -> float | None:
        """None if the driver never reported anything about it."""
        state = self._measured.get(reading.label)
        if reading.energy_joules is None and reading.power_watts is None:
            return None if state is None else 0.0
        if state is None:
            state = self._measured[reading.label] = _GpuEnergy("power", observed_seconds=observed_seconds)
        state.is_live = True
        return state.add(reading.energy_joules, reading.power_watts, observed_seconds)
