"""Plausibility bounds for driver readings. Impossible values are discarded and reported, never charged or shown.

Drivers do report "success" with nonsense: a utilization of 1,000 to 200,000 % and of 4294967295 (NVIDIA/DCGM#199,
2024-11), power of some 3.7 million (flightlessmango/MangoHud#2144, 2026-09) or 0.0 W under load (MangoHud#1656,
2025-04). NVML's own "not available" is -1, unsigned 4294967295 mW or 18446744073709551615 mJ (nvml.h,
NVML_VALUE_NOT_AVAILABLE).

A wrong value that is plausible cannot be detected here.
"""

from __future__ import annotations

from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.gpu.group import LARGEST_GIB, SMALLEST_GIB
from vllm_costmeter.core.gpu.reading import GpuSample, ProcessMemory, SliceShare
from vllm_costmeter.core.memory.byte_range import GIB

LARGEST_GPU_WATTS = 5000.0
"""Maximum for an unknown GPU, and for a plausible power limit: above the 3,600 W announced for Rubin Ultra
(wemedia.it on cooling Vera Rubin racks, read 2026-11); Rubin 1,800 W (same), GB300 1,400 W (the catalogue)."""
LIMIT_MARGIN = 1.5
"""Factor on a GPU's power limit. A control loop enforces the limit and may briefly exceed it, which readings on GA100
and older show unaveraged (newer GPUs average over a second: NVML reference of nvmlDeviceGetPowerUsage, read 2026-11).
Our choice: generous, because discarding a correct reading is worse than accepting a wrong one within the bound."""
LARGEST_COUNTER_JOULES = LARGEST_GPU_WATTS * 20 * 365 * 86_400
"""Twenty years at that power: no driver has been loaded for so long. NVML's -1 is six thousand times as much."""
MOST_GPUS = 128
"""Per machine: four times NV_MAX_DEVICES of NVIDIA's open kernel modules (nvlimits.h: 32; read 2026-11)."""
MOST_SLICES = 7
"""Per GPU (NVIDIA's MIG user guide, read 2026-11)."""
LONGEST_NAME = 96
"""NVML_DEVICE_NAME_V2_BUFFER_SIZE."""

Quantity = Literal["power", "energy", "utilization", "memory", "process_memory", "slice", "name"]
QUANTITIES: tuple[Quantity, ...] = (
    "power",
    "energy",
    "utilization",
    "memory",
    "process_memory",
    "slice",
    "name",
)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A discarded reading; `why` is a message that follows the GPU's name."""

    quantity: Quantity
    why: str


@dataclass(frozen=True, slots=True)
class PowerBound:
    """The maximum power of one GPU, and the basis of that value."""

    watts: float
    basis: str


def power_bound(limit_watts: float | None, rated_watts: float | None) -> PowerBound:
    """From the driver's limit or the catalogue's rated power, whichever is higher (a limit may be below what the GPU
    draws, or above the rated power of its model); without either, a value that no GPU exceeds."""
    told = ((limit_watts, "the driver's limit"), (rated_watts, "its rated power"))
    known = [(watts, name) for watts, name in told if watts is not None and 0 < watts <= LARGEST_GPU_WATTS]
    if not known:
        return PowerBound(LARGEST_GPU_WATTS, "no GPU draws more")
    watts, name = max(known)
    return PowerBound(LIMIT_MARGIN * watts, f"{LIMIT_MARGIN:g} x {name} of {watts:g} W")


def believable(sample: GpuSample, bound: PowerBound) -> tuple[GpuSample, tuple[LeftOut, ...]]:
    """The sample without impossible values, and what was discarded. NaN is always out of bounds.

    `EnergyCounter` decides whether an energy counter is consistent with its earlier values.
    """
    left_out: list[LeftOut] = []
    memory = _memory(sample, left_out)
    power, counter = sample.power_watts, sample.energy_counter_joules
    if power is not None and not 0 < power <= bound.watts:
        left_out.append(
            LeftOut("power", f"{power:.10g} W is not within 0 to {bound.watts:g} W ({bound.basis})")
        )
        power = None
    if counter is not None and not 0 <= counter <= LARGEST_COUNTER_JOULES:
        left_out.append(LeftOut("energy", f"an energy counter of {counter:.10g} J is not possible"))
        counter = None
    ratio = sample.utilization_ratio
    if ratio is not None and not 0 <= ratio <= 1:
        left_out.append(
            LeftOut("utilization", f"utilization of {ratio * 100:.10g} % is not within 0 to 100 %")
        )
        ratio = None
    return replace(
        memory,
        power_watts=power,
        energy_counter_joules=counter,
        utilization_ratio=ratio,
        processes=_processes(memory, left_out),
        slice=_slice(sample.slice, left_out),
    ), tuple(left_out)


def believable_name(name: str | None) -> str | None:
    """A GPU's name from the driver; None for an invalid one: empty, too long, or not printable ASCII."""
    if name is None or not 0 < len(name) <= LONGEST_NAME or not name.isascii() or not name.isprintable():
        return None
    return name


def believable_capability(capability: tuple[int, int] | None) -> tuple[int, int] | None:
    """(major, minor) as CUDA numbers its architectures: 1.0 to 12.1 so far (NVIDIA's list of CUDA GPUs, 2026-11), with
    a single-digit minor; None for an invalid value."""
    if capability is None or not (1 <= capability[0] < 100 and 0 <= capability[1] < 10):
        return None
    return capability


def _memory(sample: GpuSample, left_out: list[LeftOut]) -> GpuSample:
    """Used and free are at most the total; otherwise all are unknown, because one of them is wrong."""
    total, free, used = sample.memory_total_bytes, sample.memory_free_bytes, sample.memory_used_bytes
    most = LARGEST_GIB * GIB if total is None else total
    if SMALLEST_GIB * GIB <= most <= LARGEST_GIB * GIB and all(
        part is None or 0 <= part <= most for part in (free, used)
    ):
        return sample
    told = [
        f"{part} bytes {name}" for name, part in (("in all", total), ("used", used), ("free", free)) if part
    ]
    left_out.append(LeftOut("memory", f"memory of {', '.join(told) or '0 bytes'} is not possible"))
    return replace(sample, memory_total_bytes=None, memory_free_bytes=None, memory_used_bytes=None)


def _processes(sample: GpuSample, left_out: list[LeftOut]) -> tuple[ProcessMemory, ...] | None:
    """None for the memory of a process that uses more than the GPU has."""
    total = LARGEST_GIB * GIB if sample.memory_total_bytes is None else sample.memory_total_bytes
    found = []
    for process in sample.processes or ():
        if process.memory_bytes is not None and not 0 <= process.memory_bytes <= total:
            why = f"process {process.pid} with {process.memory_bytes} bytes uses more than the GPU has"
            left_out.append(LeftOut("process_memory", why))
            process = replace(process, memory_bytes=None)  # noqa: PLW2901 the rest of the loop is about this one
        found.append(process)
    return None if sample.processes is None else tuple(found)


def _slice(part: SliceShare | None, left_out: list[LeftOut]) -> SliceShare | None:
    """A slice is part of its GPU; values that contradict that are unknown."""
    if part is None:
        return None
    memory, whole, compute = part.memory_bytes, part.gpu_memory_bytes, part.compute_slices
    if memory is not None and whole is not None and not 0 < memory <= whole <= LARGEST_GIB * GIB:
        left_out.append(
            LeftOut("slice", f"a MIG slice of {memory} bytes on a GPU of {whole} is not possible")
        )
        memory = whole = None
    if compute is not None and not 1 <= compute <= MOST_SLICES:
        left_out.append(LeftOut("slice", f"{compute} compute slices are not within 1 to {MOST_SLICES}"))
        compute = None
    return SliceShare(memory, whole, compute)
