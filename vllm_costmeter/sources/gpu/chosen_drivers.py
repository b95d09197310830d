"""The GPU sources that a setting allows, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from vllm_costmeter.core.settings.values import GpuSourceName
from vllm_costmeter.sources.gpu.amd_smi import AmdSmiDriver
from vllm_costmeter.sources.gpu.dcgm import DEFAULT_URL, DcgmDriver
from vllm_costmeter.sources.gpu.driver import GpuDriver
from vllm_costmeter.sources.gpu.nvml import NvmlDriver


def drivers(
    source: GpuSourceName, metrics_url: str | None, environ: Mapping[str, str]
) -> tuple[Callable[[], GpuDriver], ...]:
    """auto: NVML, AMD SMI, then dcgm-exporter if its address is set. Drivers come first: they answer every second and
    know the server's processes."""
    dcgm = partial(DcgmDriver, metrics_url or DEFAULT_URL, environ)
    match source:
        case "nvml":
            return (NvmlDriver,)
        case "amdsmi":
            return (AmdSmiDriver,)
        case "dcgm":
            return (dcgm,)
        case _:
            return (NvmlDriver, AmdSmiDriver, *[dcgm] * (metrics_url is not None))
