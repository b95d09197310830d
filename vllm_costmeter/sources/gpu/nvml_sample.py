"""NVML's values as a sample in base units; pure."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.gpu.reading import GpuSample, ProcessMemory, SliceShare

MEBIBYTE = 1 << 20
LONGEST_PROGRAM = 40


@dataclass(frozen=True, slots=True)
class RawMemory:
    """nvmlMemory_v2_t, in bytes; `reserved` is None for drivers before R510, which support only version 1."""

    total: int
    reserved: int | None
    free: int


@dataclass(frozen=True, slots=True)
class RawSlice:
    """nvmlDeviceAttributes_t of a MIG device, and its GPU's memory."""

    memory_mib: int
    compute_slices: int
    gpu_memory: RawMemory | None


@dataclass(frozen=True, slots=True)
class RawNvml:
    """NVML's values for one GPU, in its own units; None for "not supported" and the like."""

    memory: RawMemory | None = None
    processes: tuple[tuple[int, int | None], ...] | None = None
    """(pid, bytes)."""
    power_milliwatts: int | None = None
    power_limit_milliwatts: int | None = None
    utilization_percent: int | None = None
    energy_millijoules: int | None = None
    slice: RawSlice | None = None

    @property
    def silent(self) -> bool:
        """True if nothing was answered except a power limit."""
        return replace(self, power_limit_milliwatts=None) == RawNvml()


def usable_bytes(memory: RawMemory) -> int:
    """Total memory as reported by CUDA: NVML's total minus the driver's reserve, within some MiB.

    Seen (2026-11): torch's total_memory "already excludes" the reserve (unslothai/unsloth#9362). H100 PCIe: NVML
    81,559 MiB, torch 81,008 MiB. A100: 81,920 and 81,050 to 81,154. L4: 23,034 and 22,559. Where the driver does
    not tell its reserve, this is NVML's total and up to 1 GiB too much.
    """
    return memory.total - (memory.reserved or 0)


def parse(raw: RawNvml) -> GpuSample:
    """The sample in bytes, watts, joules and ratios.

    Used memory is usable minus free: NVML's own `used` includes the reserve in some drivers and not in others (NVML
    reference of R525 and R590). Nothing is corrected here: `core.gpu.bounds` discards impossible values.
    """
    memory = raw.memory
    usable = None if memory is None else usable_bytes(memory)
    return GpuSample(
        memory_total_bytes=usable,
        memory_free_bytes=None if memory is None else memory.free,
        memory_used_bytes=None if memory is None or usable is None else usable - memory.free,
        processes=None
        if raw.processes is None
        else tuple(ProcessMemory(pid, used) for pid, used in raw.processes),
        power_watts=_scaled(raw.power_milliwatts, 1000),
        power_limit_watts=_scaled(raw.power_limit_milliwatts, 1000),
        utilization_ratio=_scaled(raw.utilization_percent, 100),
        energy_counter_joules=_scaled(raw.energy_millijoules, 1000),
        slice=None if raw.slice is None else _share(raw.slice),
    )


def program(text: str | None) -> str | None:
    """A process's short name: no folder, no arguments (they may contain a key), no terminal control characters."""
    words = "".join(letter if letter.isprintable() else " " for letter in text or "").split()
    return words[0].rpartition("/")[2][:LONGEST_PROGRAM] or None if words else None


def _scaled(figure: int | None, per_unit: int) -> float | None:
    return None if figure is None else figure / per_unit


def _share(part: RawSlice) -> SliceShare:
    return SliceShare(
        memory_bytes=part.memory_mib * MEBIBYTE,
        gpu_memory_bytes=None if part.gpu_memory is None else part.gpu_memory.total,
        compute_slices=part.compute_slices,
    )
