"""The GPUs of this machine for a fit check without `--gpu`: one look through NVML, never longer than it was given."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu import Gpu
from vllm_costmeter.core.gpu_device import UsedGpu
from vllm_costmeter.sources.devices import used_gpus
from vllm_costmeter.sources.gpu_driver import DriverError, GpuDriver, GpuSample
from vllm_costmeter.sources.nvml import NvmlDriver

SAY_WHICH = "name the card with --gpu, or its memory with --gpu-memory-gib"


def local_gpus(
    timeout_seconds: float = 3.0,
    *,
    environ: Mapping[str, str] = os.environ,
    connect: Callable[[], GpuDriver] = NvmlDriver,
) -> list[Gpu]:
    """The cards that CUDA_VISIBLE_DEVICES leaves, equal ones as one Gpu with a count, in CUDA's order.

    `memory_bytes` is NVML's total without the driver's reserve (see `nvml_sample.usable_bytes`): what CUDA shows,
    within some MiB. `free_bytes` is the least free of the equal cards now; a CUDA context that vLLM opens takes
    about 0.5 GiB more (H100: 79.19 total, 78.68 free at start, vLLM 0.19 logs). BadInputError, one line, where
    there is no driver, no visible card, or no answer in time.
    """
    answers: list[list[Gpu] | Exception] = []

    def look() -> None:
        try:
            answers.append(_look(connect(), environ))
        except Exception as fault:  # noqa: BLE001 handed to the caller's thread below
            answers.append(fault)

    thread = threading.Thread(target=look, name="costmeter-local-gpus", daemon=True)
    thread.start()
    thread.join(timeout_seconds)
    if not answers:
        raise BadInputError(f"the NVIDIA driver did not answer within {timeout_seconds:g} s: {SAY_WHICH}")
    answer = answers[0]
    if isinstance(answer, DriverError):
        raise BadInputError(f"no GPU can be read here ({answer}): {SAY_WHICH}")
    if isinstance(answer, Exception):
        raise answer
    return answer


def _look(driver: GpuDriver, environ: Mapping[str, str]) -> list[Gpu]:
    try:
        driver.open()
        devices = driver.devices()
        used = used_gpus(devices, environ.get("CUDA_VISIBLE_DEVICES"), environ.get("CUDA_DEVICE_ORDER"))
        if used.problem:
            raise BadInputError(f"{used.problem}; or {SAY_WHICH}")
        if not used.gpus:
            shown = environ.get("CUDA_VISIBLE_DEVICES")
            because = "there is none" if shown is None else f"CUDA_VISIBLE_DEVICES={shown!r} leaves none"
            raise BadInputError(f"no GPU to check against: {because} of {len(devices)} found. {SAY_WHICH}")
        return equal_cards([(gpu, driver.sample(gpu)) for gpu in used.gpus])
    finally:
        driver.close()


def equal_cards(samples: Sequence[tuple[UsedGpu, GpuSample]]) -> list[Gpu]:
    """Neighbouring cards of one name as one Gpu: the smallest total and the least free memory of them."""
    found = []
    for (name, capability), group in groupby(
        samples, key=lambda pair: (_shown_name(pair[0]), pair[0].device.compute_capability)
    ):
        each = [sample for _, sample in group]
        totals = [sample.memory_total_bytes for sample in each if sample.memory_total_bytes]
        if len(totals) < len(each):
            raise DriverError(f"NVML does not tell the memory of {name}")
        free = [sample.memory_free_bytes for sample in each if sample.memory_free_bytes is not None]
        found.append(
            Gpu(
                name=name,
                memory_bytes=min(totals),
                count=len(each),
                source="nvml",
                free_bytes=min(free) if free else None,
                compute_capability=capability,
                is_count_stated=True,
            )
        )
    return found


def _shown_name(gpu: UsedGpu) -> str:
    return gpu.device.name if gpu.slice is None else f"{gpu.device.name} (MIG slice)"
