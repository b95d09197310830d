"""Turn one GPU's driver samples into readings: without impossible values, and with monotonic energy."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.core.gpu.bounds import LeftOut, believable, power_bound
from vllm_costmeter.core.gpu.device import VisibleGpu
from vllm_costmeter.core.gpu.energy_counter import STUCK_SECONDS, EnergyCounter
from vllm_costmeter.core.gpu.reading import GpuReading, GpuSample, ProcessMemory


class GpuFigures:
    """One GPU over successive samples. `rated_watts` is from the catalogue; None if it is not listed."""

    def __init__(self, gpu: VisibleGpu, rated_watts: float | None) -> None:
        self._gpu = gpu
        self._rated_watts = rated_watts
        self._energy: EnergyCounter | None = None

    def reading(
        self, told: GpuSample, owns: Callable[[int], bool], now_seconds: float
    ) -> tuple[GpuReading, tuple[LeftOut, ...]]:
        """The reading, and what was discarded. `owns(pid)`: whether a process belongs to this server."""
        bound = power_bound(told.power_limit_watts, self._rated_watts)
        sample, left_out = believable(told, bound)
        energy = self._energy_joules(sample.energy_counter_joules, now_seconds, bound.watts)
        held = _held_bytes(sample, owns)
        figures = GpuReading(
            label=self._gpu.label,
            index=self._gpu.device.index,
            uuid=self._gpu.uuid,
            name=self._gpu.device.name,
            memory_total_bytes=sample.memory_total_bytes,
            memory_used_bytes=sample.memory_used_bytes,
            memory_free_bytes=sample.memory_free_bytes,
            process_memory_bytes=held if isinstance(held, int) else None,
            power_watts=sample.power_watts,
            utilization_ratio=sample.utilization_ratio,
            energy_joules=energy if isinstance(energy, float) else None,
            slice=sample.slice,
        )
        more = tuple(each for each in (energy, held) if isinstance(each, LeftOut))
        return figures, (*left_out, *more)

    def _energy_joules(
        self, counter_joules: float | None, now_seconds: float, largest_watts: float
    ) -> float | LeftOut | None:
        """Since the first reading; None if the counter is not available."""
        if counter_joules is None:
            return None
        if self._energy is None:
            self._energy = EnergyCounter.started(counter_joules, now_seconds)
        else:
            self._energy = self._energy.advanced(counter_joules, now_seconds, largest_watts)
        if self._energy.doubted is not None:
            step = f"from {self._energy.last.joules:.10g} to {counter_joules:.10g} J"
            return LeftOut("energy", f"an energy counter that goes {step} is not possible")
        if self._energy.is_stuck(now_seconds):
            return LeftOut("energy", f"the energy counter has not changed for {STUCK_SECONDS:g} s")
        return self._energy.total_joules


def memory_of(processes: tuple[ProcessMemory, ...] | None, owns: Callable[[int], bool]) -> int | None:
    """Total memory of the owned processes; None if none of them is listed or the memory of one is unknown."""
    held = [process.memory_bytes for process in processes or () if owns(process.pid)]
    if not held or None in held:
        return None
    return sum(amount for amount in held if amount is not None)


def _held_bytes(sample: GpuSample, owns: Callable[[int], bool]) -> int | LeftOut | None:
    held, total = memory_of(sample.processes, owns), sample.memory_total_bytes
    if held is not None and total is not None and held > total:
        why = f"this server's processes with {held} bytes use more than the GPU has"
        return LeftOut("process_memory", why)
    return held
