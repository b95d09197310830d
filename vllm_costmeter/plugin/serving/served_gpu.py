"""The GPU of a running server, in the catalogue."""

from __future__ import annotations

import logging
import time

from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.reading import GpuSource
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.sources.catalogue.load import gpu_for_nvml_name, parse_gpu

log = logging.getLogger("vllm.costmeter")

LONGEST_WAIT_FOR_DRIVER_SECONDS = 3.0


def served_gpu(settings: Settings, gpus: GpuSource, checked: Fit | None) -> GpuSpec | None:
    """The GPU named by the driver now, by the driver in the fit check, or by the operator. Waits for the driver's first
    answer for a limited time."""
    deadline = time.monotonic() + LONGEST_WAIT_FOR_DRIVER_SECONDS
    while gpus.latest().read_monotonic_seconds is None and time.monotonic() < deadline:
        time.sleep(0.05)
    named = [(gpu.name, gpu.memory_total_bytes) for gpu in gpus.latest().gpus]
    if gpus.latest().read_monotonic_seconds is None:
        log.warning(
            "costmeter: the GPU driver has not answered for %g s; metering starts without GPU readings",
            LONGEST_WAIT_FOR_DRIVER_SECONDS,
        )
        if checked is not None and checked.gpu.is_local:
            named = [(checked.gpu.name, checked.gpu.memory_bytes)]
    for name, memory_bytes in named:
        if (gpu := gpu_for_nvml_name(name, memory_bytes)) is not None:
            return gpu
    return parse_gpu(settings.gpu)[0] if settings.gpu else None
