"""The GPUs of this server, read through NVML once a second: what a meter asks for."""

from __future__ import annotations

import os
from collections.abc import Mapping

from vllm_costmeter.core.gpu_device import GpuDevice, UsedGpus
from vllm_costmeter.sources.devices import used_gpus
from vllm_costmeter.sources.gpu_reader import INTERVAL_SECONDS, STALE_SECONDS, GpuReader
from vllm_costmeter.sources.nvml import NvmlDriver
from vllm_costmeter.sources.process_tree import ProcessTree


def select_with(environ: Mapping[str, str], count: int | None, devices: tuple[GpuDevice, ...]) -> UsedGpus:
    """The GPUs that `environ` and the number of local ranks leave to this server."""
    return used_gpus(devices, environ.get("CUDA_VISIBLE_DEVICES"), environ.get("CUDA_DEVICE_ORDER"), count)


def nvml_source(
    local_gpus: int | None,
    *,
    root_pid: int | None = None,
    environ: Mapping[str, str] = os.environ,
    interval_seconds: float = INTERVAL_SECONDS,
    stale_seconds: float = STALE_SECONDS,
) -> GpuReader:
    """Starts reading and returns at once, with or without a driver.

    `local_gpus`: ranks on this machine (tensor x pipeline x local data parallel), None for all visible cards.
    `root_pid`: the top of this server's processes, by default this one; a child API server passes its parent's.
    """
    return GpuReader(
        NvmlDriver,
        lambda devices: select_with(environ, local_gpus, devices),
        ProcessTree(root_pid).owns,
        interval_seconds=interval_seconds,
        stale_seconds=stale_seconds,
    )
