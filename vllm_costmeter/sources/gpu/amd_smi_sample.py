"""AMD SMI's values as a sample in base units; pure."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.gpu.reading import GpuSample, ProcessMemory

MEGABYTE = 1 << 20
"""amdsmi_vram_usage_t is documented in MB and filled from bytes / (1024 * 1024): amd_smi.cc of ROCm 6.2.2."""


@dataclass(frozen=True, slots=True)
class RawAmdSmi:
    """AMD SMI's values for one GPU, in its own units; None for "not supported" and the like."""

    vram_total_mb: int | None = None
    vram_used_mb: int | None = None
    processes: tuple[tuple[int, int | None], ...] | None = None
    """(pid, bytes of VRAM)."""
    socket_power_watts: int | None = None
    gfx_activity_percent: int | None = None
    energy_ticks: int | None = None
    microjoules_per_tick: float | None = None
    """Part of every answer: 15.3 in rocm_smi.cc of ROCm 6.2.2, where 2^-16 J would be 15.259."""

    @property
    def silent(self) -> bool:
        """True if nothing at all was answered."""
        return self == RawAmdSmi()


def parse(raw: RawAmdSmi) -> GpuSample:
    """The sample in bytes, watts, joules and ratios. AMD SMI reports no reserve, so used memory is taken as reported.
    Nothing is corrected here: `core.gpu.bounds` discards impossible values."""
    total = None if raw.vram_total_mb is None else raw.vram_total_mb * MEGABYTE
    used = None if raw.vram_used_mb is None else raw.vram_used_mb * MEGABYTE
    known_energy = raw.energy_ticks is not None and raw.microjoules_per_tick
    return GpuSample(
        memory_total_bytes=total,
        memory_used_bytes=used,
        memory_free_bytes=None if total is None or used is None else max(total - used, 0),
        processes=None
        if raw.processes is None
        else tuple(ProcessMemory(pid, held) for pid, held in raw.processes),
        power_watts=None if raw.socket_power_watts is None else float(raw.socket_power_watts),
        utilization_ratio=None if raw.gfx_activity_percent is None else raw.gfx_activity_percent / 100,
        energy_counter_joules=(raw.energy_ticks or 0) * (raw.microjoules_per_tick or 0.0) / 1e6
        if known_energy
        else None,
    )
