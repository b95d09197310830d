"""Which of a driver's figures can be true. What cannot is left out and told: never charged, never shown.

Drivers do answer "success" with nonsense: utilisation of 1,000 to 200,000 % and of 4294967295 (NVIDIA/DCGM#199,
2024-11), power of some 3.7 million (flightlessmango/MangoHud#2144, 2026-09) or 0.0 W under load (MangoHud#1656,
2025-04). NVML's own "not available" is -1, unsigned 4294967295 mW or 18446744073709551615 mJ (nvml.h,
NVML_VALUE_NOT_AVAILABLE).

A figure that is false and possible cannot be told from a true one here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from vllm_costmeter.core.gpu.group import LARGEST_GIB, SMALLEST_GIB
from vllm_costmeter.core.gpu.reading import GpuSample, ProcessMemory, SliceShare
from vllm_costmeter.core.memory.byte_range import GIB

LARGEST_GPU_WATTS = 5000.0
"""Of a GPU of which nothing is known, and of a limit that is believed: above the 3,600 W announced of Rubin Ultra
(wemedia.it on cooling Vera Rubin racks, read 2026-11); Rubin 1,800 W (same), GB300 1,400 W (the catalogue)."""
LIMIT_MARGIN = 1.5
"""Over a GPU's power limit. The limit is held by a control loop and may be passed for moments, which a reading of
GA100 and older shows as they are (newer ones average over a second: NVML reference of nvmlDeviceGetPowerUsage, read
2026-11). A choice of ours: generous, since a true reading that is left out costs more than a false one within it."""
LARGEST_COUNTER_JOULES = LARGEST_GPU_WATTS * 20 * 365 * 86_400
"""Twenty years of it: no driver has been loaded for so long. NVML's -1 is six thousand times as much."""
MOST_GPUS = 128
"""Of one machine: four times NV_MAX_DEVICES of NVIDIA's open kernel modules (nvlimits.h: 32; read 2026-11)."""
MOST_SLICES = 7
"""Of one GPU (NVIDIA's MIG user guide, read 2026-11)."""
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
    """A figure that cannot be true, and why, in words that follow the GPU's name."""

    quantity: Quantity
    why: str


@dataclass(frozen=True, slots=True)
class PowerBound:
    """The most that one GPU can draw, and what that stands on."""

    watts: float
    basis: str


def power_bound(limit_watts: float | None, rated_watts: float | None) -> PowerBound:
    """From the driver's limit and the catalogue's rated power, whichever is higher (a limit may be set below what a
    GPU draws, and a board's above what its kind is rated at); from neither, what no GPU draws."""
    told = ((limit_watts, "the driver's limit"), (rated_watts, "its rated power"))
    known = [(watts, name) for watts, name in told if watts is not None and 0 < watts <= LARGEST_GPU_WATTS]
    if not known:
        return PowerBound(LARGEST_GPU_WATTS, "no GPU draws more")
    watts, name = max(known)
    return PowerBound(LIMIT_MARGIN * watts, f"{LIMIT_MARGIN:g} x {name} of {watts:g} W")


def believable(sample: GpuSample, bound: PowerBound) -> tuple[GpuSample, tuple[LeftOut, ...]]:
    """The sample without what cannot be true, and what that was. NaN is within no bounds.

    Whether an energy counter fits what it said before is `EnergyCounter`'s to say.
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
            LeftOut("utilization", f"utilisation of {ratio * 100:.10g} % is not within 0 to 100 %")
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
    """A GPU's name as the driver gives it; None for one that no GPU has: empty, too long, or not printable ASCII."""
    if name is None or not 0 < len(name) <= LONGEST_NAME or not name.isascii() or not name.isprintable():
        return None
    return name


def believable_capability(capability: tuple[int, int] | None) -> tuple[int, int] | None:
    """(major, minor) as CUDA numbers its architectures: 1.0 to 12.1 so far (NVIDIA's list of CUDA GPUs, 2026-11), a
    minor of one digit; None for what is neither."""
    if capability is None or not (1 <= capability[0] < 100 and 0 <= capability[1] < 10):
        return None
    return capability


def _memory(sample: GpuSample, left_out: list[LeftOut]) -> GpuSample:
    """Free is at most the total; where it is not, neither is known: one of them is wrong."""
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
    """None for the memory of a process that holds more than there is."""
    total = LARGEST_GIB * GIB if sample.memory_total_bytes is None else sample.memory_total_bytes
    found = []
    for process in sample.processes or ():
        if process.memory_bytes is not None and not 0 <= process.memory_bytes <= total:
            why = f"process {process.pid} with {process.memory_bytes} bytes holds more than the GPU has"
            left_out.append(LeftOut("process_memory", why))
            process = replace(process, memory_bytes=None)  # noqa: PLW2901 the rest of the loop is about this one
        found.append(process)
    return None if sample.processes is None else tuple(found)


def _slice(part: SliceShare | None, left_out: list[LeftOut]) -> SliceShare | None:
    """A slice is a part of its card; what says otherwise is not known."""
    if part is None:
        return None
    memory, card, compute = part.memory_bytes, part.card_memory_bytes, part.compute_slices
    if memory is not None and card is not None and not 0 < memory <= card <= LARGEST_GIB * GIB:
        left_out.append(
            LeftOut("slice", f"a MIG slice of {memory} bytes on a card of {card} is not possible")
        )
        memory = card = None
    if compute is not None and not 1 <= compute <= MOST_SLICES:
        left_out.append(LeftOut("slice", f"{compute} compute slices are not within 1 to {MOST_SLICES}"))
        compute = None
    return SliceShare(memory, card, compute)
