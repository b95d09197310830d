"""The GPU sources that a setting allows, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vllm_costmeter.core.settings.values import GpuSourceName
from vllm_costmeter.sources.gpu.dcgm import DEFAULT_URL, DcgmDriver
from vllm_costmeter.sources.gpu.driver import GpuDriver
from vllm_costmeter.sources.gpu.nvml import NvmlDriver


def drivers(
    source: GpuSourceName, metrics_url: str | None, environ: Mapping[str, str]
) -> tuple[Callable[[], GpuDriver], ...]:
    """auto: NVML, then dcgm-exporter if its address is set. The driver comes first: it answers every second and knows
    the server's processes."""
    dcgm = _kept(lambda: DcgmDriver(metrics_url or DEFAULT_URL, environ))
    match source:
        case "nvml":
            return (NvmlDriver,)
        case "dcgm":
            return (dcgm,)
        case _:
            return (NvmlDriver, *[dcgm] * (metrics_url is not None))


def _kept(make: Callable[[], GpuDriver]) -> Callable[[], GpuDriver]:
    """The same driver at each call, so that it keeps what it knows of counters."""
    made: list[GpuDriver] = []

    def kept() -> GpuDriver:
        if not made:
            made.append(make())
        return made[0]

    return kept
