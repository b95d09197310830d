"""The GPUs of this server, read once a second for the meter, through the source that the operator chose."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from vllm_costmeter.core.gpu.bounds import LeftOut
from vllm_costmeter.core.gpu.device import GpuDevice, UsedGpus
from vllm_costmeter.core.gpu.reading import GpuReadings, GpuSource
from vllm_costmeter.core.settings.values import GpuSourceName
from vllm_costmeter.sources.catalogue.load import gpu_for_nvml_name
from vllm_costmeter.sources.gpu.chosen_drivers import drivers
from vllm_costmeter.sources.gpu.first_driver import FirstDriver
from vllm_costmeter.sources.gpu.process_tree import ProcessTree
from vllm_costmeter.sources.gpu.reader import INTERVAL_SECONDS, STALE_SECONDS, GpuReader
from vllm_costmeter.sources.gpu.visible_devices import used_gpus_here


def gpus_of_server(
    devices: Sequence[GpuDevice],
    environ: Mapping[str, str],
    count: int | None,
    device_ids: Sequence[int] | None = None,
    *,
    may_be_elsewhere: bool = False,
) -> UsedGpus:
    """The GPUs of a running server, from `environ`, the number of local ranks and `--device-ids`. If there are fewer
    than ranks, `problem` reports the missing ones, unless they may be on other machines."""
    used = used_gpus_here(devices, environ, count, device_ids)
    if used.problem is None and not may_be_elsewhere and count is not None and len(used.gpus) < count:
        seen = "none" if not used.gpus else f"only {len(used.gpus)}"
        problem = (
            f"{seen} of this server's {count} GPU{'s' * (count > 1)} found among the driver's {len(devices)}"
        )
        return UsedGpus(used.gpus, problem, "gpu_missing")
    return used


def server_gpus(
    local_gpus: int | None,
    *,
    source: GpuSourceName = "auto",
    metrics_url: str | None = None,
    device_ids: Sequence[int] | None = None,
    may_be_elsewhere: bool = False,
    root_pid: int | None = None,
    left_out: Callable[[str, LeftOut], None] = lambda gpu, what: None,
    environ: Mapping[str, str] = os.environ,
    interval_seconds: float = INTERVAL_SECONDS,
    stale_seconds: float = STALE_SECONDS,
) -> GpuSource:
    """Start reading and return immediately, with or without a driver.

    `local_gpus`: ranks on this machine (tensor x pipeline x local data parallel), None for all visible GPUs.
    `source`, `metrics_url`: the settings `gpu_source` and `gpu_metrics_url`.
    `device_ids`: the driver's indices from vLLM's resolved `--device-ids`; None without that flag.
    `may_be_elsewhere`: whether some of those ranks may run on other machines.
    `root_pid`: the root of this server's processes, by default this one; a child API process passes its parent's.
    `left_out` is called on the reader's thread for impossible readings, with the GPU's label.
    """
    if source == "none":
        return NoGpus()
    driver = FirstDriver(drivers(source, metrics_url, environ))
    return GpuReader(
        lambda: driver,
        lambda devices: gpus_of_server(
            devices, environ, local_gpus, device_ids, may_be_elsewhere=may_be_elsewhere
        ),
        ProcessTree(root_pid).owns,
        left_out=left_out,
        rated_watts=rated_watts,
        interval_seconds=interval_seconds,
        stale_seconds=stale_seconds,
    )


class NoGpus:
    """The source of a server whose GPUs are not to be read."""

    def latest(self) -> GpuReadings:
        """No GPU, and no fault."""
        return GpuReadings(up=True, read_monotonic_seconds=0.0, source=None)

    def close(self) -> None:
        """Nothing to stop."""


@lru_cache(maxsize=64)
def rated_watts(name: str) -> float | None:
    """The catalogue's rated power for NVML's `name`; None if it is not listed or the user's file cannot be read."""
    try:
        gpu = gpu_for_nvml_name(name)
    except Exception:  # noqa: BLE001 the price reports it; a bound has other sources
        return None
    return None if gpu is None else gpu.tdp_watts
