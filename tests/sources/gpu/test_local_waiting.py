"""A driver that hangs or is slow while this machine's GPUs are looked for."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest
from local_gpu_answers import local
from nvml_stand_in import Mood

from vllm_costmeter.core.gpu.device import GpuDevice, VisibleGpu
from vllm_costmeter.core.gpu.group import GpuProcess
from vllm_costmeter.sources.gpu.driver import GpuSample
from vllm_costmeter.sources.gpu.local import local_gpus


@pytest.mark.parametrize(
    ("function", "asked"),
    [
        ("nvmlInitWithFlags", "to connect"),
        ("nvmlDeviceGetCount_v2", "for its GPUs"),
        ("nvmlDeviceGetName", "for its GPUs"),
        ("nvmlDeviceGetComputeRunningProcesses_v3", "for the processes on GPU 0"),
        ("nvmlDeviceGetMemoryInfo_v2", "for the memory of GPU 0"),
    ],
)
def test_what_a_driver_hangs_at_is_said(library: Path, mood: Mood, function: str, asked: str) -> None:
    """Whichever question is not answered, the check goes on without, and the line names it."""
    mood.set(hang_at=function)
    found = ""
    for timeout in (0.5, 4.0, 20.0):  # a busy machine may take longer than the first to get there
        found = local(library, mood, timeout=timeout)["found"]
        if f"did not answer within {timeout:g} s when asked {asked}: " in found:
            return
    pytest.fail(found)


def test_a_driver_that_hangs_at_the_end_is_not_waited_for(library: Path, mood: Mood) -> None:
    """What it has answered is there before it is asked to disconnect."""
    mood.set(hang_at="nvmlShutdown")
    assert local(library, mood, timeout=30.0)["found"][0]["count"] == 2


class SlowDriver:
    """A driver that lets wait until it is allowed to answer."""

    name = "nvml"

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def open(self) -> None:
        self.may_answer.wait()

    def devices(self) -> tuple[GpuDevice, ...]:
        return (GpuDevice(index=0, uuid="GPU-a", name="X"),)

    def processes(self, gpu: VisibleGpu) -> tuple[GpuProcess, ...]:
        return ()

    def sample(self, gpu: VisibleGpu) -> GpuSample:
        return GpuSample(memory_total_bytes=1 << 30)

    def close(self) -> None:
        pass


def test_a_wait_is_said_once_and_a_slow_driver_still_answers(caplog: pytest.LogCaptureFixture) -> None:
    """A driver that is not kept loaded takes seconds for each GPU: that is no hang, and nobody waits in silence."""
    driver = SlowDriver()

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            driver.may_answer.set()

    handler = Told()
    logging.getLogger("vllm.costmeter").addHandler(handler)
    try:
        (gpu,) = local_gpus(environ={}, connect=lambda: driver)
    finally:
        logging.getLogger("vllm.costmeter").removeHandler(handler)
    assert gpu.name == "X"
    assert [record.getMessage() for record in caplog.records] == [
        "costmeter: waiting up to 29 s for the GPU driver, asked to connect"
    ]
