"""The GPUs of this machine for a fit check without `--gpu`: one query of the driver, within a time limit."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.bounds import believable, power_bound
from vllm_costmeter.core.gpu.device import VisibleGpu
from vllm_costmeter.core.gpu.group import GpuGroup, GpuProcess
from vllm_costmeter.core.gpu.reading import GpuSample
from vllm_costmeter.sources.gpu.driver import DriverError, GpuDriver
from vllm_costmeter.sources.gpu.host_memory import host_memory
from vllm_costmeter.sources.gpu.process_tree import ProcessTree
from vllm_costmeter.sources.gpu.visible_devices import VISIBLE, resolved_device_ids, used_gpus_here

SAY_WHICH = "name the GPU with --gpu, or its memory with --gpu-memory-gib"
SILENT_SECONDS = 1.0
"""A longer wait is logged."""
LONGEST_WAIT_SECONDS = 30.0
"""Without driver persistence, each GPU takes 1 to 3 seconds for its first answer (NVIDIA, "Driver Persistence",
overview, read 2026-11), and machines have up to eight GPUs."""

log = logging.getLogger("vllm.costmeter")


class NoLocalGpuError(BadInputError):
    """No GPU of this machine can be used for the check. `reason` is the cause; the message adds what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}: {SAY_WHICH}")
        self.reason = reason


def local_gpus(
    ranks: int | None = None,
    *,
    device_ids: Sequence[int | str] | None = None,
    timeout_seconds: float = LONGEST_WAIT_SECONDS,
    environ: Mapping[str, str] = os.environ,
    connect: Callable[[], GpuDriver] | None = None,
) -> list[GpuGroup]:
    """The GPUs that CUDA_VISIBLE_DEVICES and `--device-ids` leave, equal ones as one Gpu with a count, in CUDA's order;
    AMD's by its own variables where there is no GPU of NVIDIA's.

    `memory_bytes` is NVML's total without the driver's reserve (see `nvml_sample.usable_bytes`): what CUDA shows,
    within some MiB. `free_bytes` is the least free now of those that an engine of `ranks` takes, the first (None: of
    all); a CUDA context that vLLM opens takes about 0.5 GiB more (H100: 79.19 total, 78.68 free at start, vLLM 0.19
    logs). `processes` are those of others than this process and what it started.
    NoLocalGpuError, one line, where there is no driver, no visible GPU, or no answer in time (a driver that lets wait
    is said to), and where an engine's GPUs cannot be told from others or are not all of one kind.
    """
    owns = ProcessTree().owns
    answers: queue.SimpleQueue[list[GpuGroup] | Exception] = queue.SimpleQueue()
    asked = ["to connect"]

    def look() -> None:
        try:
            driver = (connect or _nvidia_or_amd)()
        except Exception as fault:  # noqa: BLE001 handed to the caller's thread below
            answers.put(fault)
            return
        try:
            answers.put(_look(driver, environ, owns, ranks, device_ids, asked=asked))
        except Exception as fault:  # noqa: BLE001 as above
            answers.put(fault)
        finally:
            driver.close()  # when the answer is there already: nobody waits for a driver that hangs here

    threading.Thread(target=look, name="costmeter-local-gpus", daemon=True).start()
    try:
        answer = _answer(answers, timeout_seconds, asked)
    except queue.Empty:
        raise NoLocalGpuError(
            f"the GPU driver did not answer within {timeout_seconds:g} s when asked {asked[-1]}"
        ) from None
    if isinstance(answer, DriverError):
        raise NoLocalGpuError(f"no GPU can be read on this machine ({answer})")
    if isinstance(answer, Exception):
        raise answer
    return answer


def _nvidia_or_amd() -> GpuDriver:
    from vllm_costmeter.sources.gpu.amd_smi import AmdSmiDriver
    from vllm_costmeter.sources.gpu.first_driver import FirstDriver
    from vllm_costmeter.sources.gpu.nvml import NvmlDriver

    return FirstDriver((NvmlDriver, AmdSmiDriver))


def _answer(
    answers: queue.SimpleQueue[list[GpuGroup] | Exception], timeout_seconds: float, asked: Sequence[str]
) -> list[GpuGroup] | Exception:
    """Raises queue.Empty on timeout; a wait is logged once, with what the driver was `asked` last."""
    try:
        return answers.get(timeout=min(SILENT_SECONDS, timeout_seconds))
    except queue.Empty:
        left = timeout_seconds - SILENT_SECONDS
        if left <= 0:
            raise
        log.warning("costmeter: waiting up to %g s for the GPU driver, asked %s", left, asked[-1])
        return answers.get(timeout=left)


def _look(
    driver: GpuDriver,
    environ: Mapping[str, str],
    owns: Callable[[int], bool],
    ranks: int | None,
    given_ids: Sequence[int | str] | None,
    *,
    asked: list[str],
) -> list[GpuGroup]:
    """Each query to the driver is appended to `asked` first."""
    driver.open()
    asked.append("for its GPUs")
    devices = driver.devices()
    shown = environ.get(VISIBLE)
    ids = None if given_ids is None else resolved_device_ids(devices, environ, given_ids)
    engine = used_gpus_here(devices, environ, ranks, ids)
    if engine.problem:
        raise NoLocalGpuError(engine.problem)
    kinds = sorted({_shown_name(gpu) for gpu in engine.gpus})
    if ranks is not None and len(kinds) > 1:
        raise NoLocalGpuError(f"an engine on different GPU models ({', '.join(kinds)}) is not modelled")
    visible = used_gpus_here(devices, environ, None, ids)
    if not visible.gpus:
        because = "there is none" if shown is None else f"{VISIBLE}={shown!r} leaves none"
        if devices and devices[0].maker == "amd":
            because = "ROCR_VISIBLE_DEVICES and HIP_VISIBLE_DEVICES leave none"
        if ids is not None:
            because = f"--device-ids {','.join(map(str, given_ids or ()))} names none"
        raise NoLocalGpuError(f"no GPU to check against: {because} of {len(devices)} found")
    found = []
    for gpu in visible.gpus:
        asked.append(f"for the processes on GPU {gpu.label}")
        holders = [each for each in driver.processes(gpu) if not owns(each.pid)]
        asked.append(f"for the memory of GPU {gpu.label}")
        sample = _sample(driver, gpu)
        found.append((gpu, sample, tuple(_believable_process(each, sample) for each in holders)))
    groups = equal_gpus(found, ranks)
    return groups if driver.name == "nvml" else [_from_amd_smi(gpu) for gpu in groups]


def _from_amd_smi(gpu: GpuGroup) -> GpuGroup:
    """Raises DriverError for a GPU that shares the host's memory: AMD SMI reports only the part that the BIOS set
    aside, HIP more (half of the host's by default)."""
    if gpu.unified is not None:
        raise DriverError(f"AMD SMI does not report how much memory HIP has on {gpu.name}")
    return replace(gpu, source="amdsmi")


def _sample(driver: GpuDriver, gpu: VisibleGpu) -> GpuSample:
    """The GPU's memory as reported by the driver. Raises DriverError if it is impossible."""
    sample, left_out = believable(driver.sample(gpu), power_bound(None, None))
    for what in left_out:
        if what.quantity == "memory":
            raise DriverError(f"GPU {gpu.label}: {what.why}")
    return sample


def _believable_process(process: GpuProcess, sample: GpuSample) -> GpuProcess:
    """Without a memory value that exceeds the GPU's total."""
    if (process.memory_bytes or 0) > (sample.memory_total_bytes or 0):
        return replace(process, memory_bytes=None)
    return process


def equal_gpus(
    samples: Sequence[tuple[VisibleGpu, GpuSample, tuple[GpuProcess, ...]]], ranks: int | None = None
) -> list[GpuGroup]:
    """Neighbouring GPUs of one name as one Gpu: the smallest total of them, the least free memory of the first
    `ranks`, and the processes that hold the rest of that one."""
    found = []
    for (name, capability), neighbours in groupby(
        samples, key=lambda row: (_shown_name(row[0]), row[0].device.compute_capability)
    ):
        group = list(neighbours)
        each = [sample for _, sample, _ in group]
        totals = [sample.memory_total_bytes for sample in each if sample.memory_total_bytes]
        if len(totals) < len(each):
            found.append(_sharing_the_hosts_memory(name, capability, len(each)))
            continue
        free = [
            (sample.memory_free_bytes, others)
            for _, sample, others in group[:ranks]
            if sample.memory_free_bytes is not None
        ]
        least, holders = min(free, key=lambda pair: pair[0], default=(None, ()))
        found.append(
            GpuGroup(
                name=name,
                memory_bytes=min(totals),
                count=len(each),
                source="nvml",
                free_bytes=least,
                processes=tuple(sorted(holders, key=lambda process: -(process.memory_bytes or 0))),
                compute_capability=capability,
                is_count_stated=True,
            )
        )
    return found


def _sharing_the_hosts_memory(name: str, capability: tuple[int, int] | None, count: int) -> GpuGroup:
    """A GB10 or Jetson, whose memory NVML does not report (`[N/A]`): the host's. Raises DriverError for other GPUs."""
    gpu = GpuGroup(name, 1, count, "nvml", compute_capability=capability, is_count_stated=True)
    host = None if gpu.unified is None else host_memory()
    if host is None:
        raise DriverError(f"the driver does not report the memory of {name}")
    return replace(gpu, memory_bytes=host.total, free_bytes=host.available)


def _shown_name(gpu: VisibleGpu) -> str:
    return gpu.device.name if gpu.slice is None else f"{gpu.device.name} (MIG slice)"
