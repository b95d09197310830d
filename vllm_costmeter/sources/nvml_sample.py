"""NVML's numbers as a sample in base units: pure, so that a literal tests it."""

from __future__ import annotations

from dataclasses import dataclass

from vllm_costmeter.core.gpu_reading import SliceShare
from vllm_costmeter.sources.gpu_driver import GpuSample, ProcessMemory

MEBIBYTE = 1 << 20
LONGEST_PROGRAM = 40


@dataclass(frozen=True, slots=True)
class RawMemory:
    """nvmlMemory_v2_t, in bytes; `reserved` is None from a driver before R510, which knows only version 1."""

    total: int
    reserved: int | None
    free: int


@dataclass(frozen=True, slots=True)
class RawSlice:
    """nvmlDeviceAttributes_t of a MIG device, and its card's memory."""

    memory_mib: int
    compute_slices: int
    multiprocessors: int
    card_memory: RawMemory | None


@dataclass(frozen=True, slots=True)
class RawNvml:
    """What NVML answered for one GPU, in its own units; None where it answered with "not supported" and the like."""

    memory: RawMemory | None = None
    processes: tuple[tuple[int, int | None], ...] | None = None
    """(pid, bytes)."""
    power_milliwatts: int | None = None
    utilization_percent: int | None = None
    energy_millijoules: int | None = None
    slice: RawSlice | None = None

    @property
    def silent(self) -> bool:
        """True when nothing at all was answered."""
        return self == RawNvml()


def usable_bytes(memory: RawMemory) -> int:
    """What CUDA shows as total memory: NVML's total without the driver's reserve, within some MiB.

    Seen (2026-11): torch's total_memory "already excludes" the reserve (unslothai/unsloth#9362). H100 PCIe: NVML
    81,559 MiB, torch 81,008 MiB. A100: 81,920 and 81,050 to 81,154. L4: 23,034 and 22,559. Where the driver does
    not tell its reserve, this is NVML's total and up to 1 GiB too much.
    """
    return memory.total - (memory.reserved or 0)


def parse(raw: RawNvml) -> GpuSample:
    """The sample in bytes, watts, joules and ratios.

    Used memory is usable minus free: NVML's own `used` counts the reserve in some drivers and not in others
    (NVML reference of R525 against R590).
    """
    memory = raw.memory
    usable = None if memory is None else usable_bytes(memory)
    return GpuSample(
        memory_total_bytes=usable,
        memory_free_bytes=None if memory is None else memory.free,
        memory_used_bytes=None if memory is None or usable is None else max(usable - memory.free, 0),
        processes=None
        if raw.processes is None
        else tuple(ProcessMemory(pid, used) for pid, used in raw.processes),
        power_watts=None if raw.power_milliwatts is None else raw.power_milliwatts / 1000,
        utilization_ratio=None
        if raw.utilization_percent is None
        else min(raw.utilization_percent / 100, 1.0),
        energy_counter_joules=None if raw.energy_millijoules is None else raw.energy_millijoules / 1000,
        slice=None if raw.slice is None else _share(raw.slice),
    )


def program(text: str | None) -> str | None:
    """A process as people call it: no folder, no arguments (they may hold a key), nothing that a terminal obeys."""
    words = "".join(letter if letter.isprintable() else " " for letter in text or "").split()
    return words[0].rpartition("/")[2][:LONGEST_PROGRAM] or None if words else None


def _share(part: RawSlice) -> SliceShare:
    return SliceShare(
        memory_bytes=part.memory_mib * MEBIBYTE,
        card_memory_bytes=None if part.card_memory is None else part.card_memory.total,
        compute_slices=part.compute_slices,
        multiprocessors=part.multiprocessors,
    )
