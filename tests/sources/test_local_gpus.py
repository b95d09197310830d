"""This machine's cards for a fit check, through the real pynvml, in a process of its own."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from nvml_stand_in import Mood, environment

from vllm_costmeter.core.gpu import GpuProcess
from vllm_costmeter.core.gpu_device import GpuDevice, UsedGpu
from vllm_costmeter.sources.gpu_driver import GpuSample
from vllm_costmeter.sources.local_gpus import local_gpus

PROBE = Path(__file__).parent / "gpu_probe.py"


def local(
    library: Path, mood: Mood, timeout: float = 5.0, ranks: int = 0, **variables: str
) -> dict[str, Any]:
    """What `local_gpus` said in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(PROBE), "local", str(timeout), str(ranks)],
        env=environment(library, mood.file) | variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_check_finds_this_machines_cards(library: Path, mood: Mood) -> None:
    """Equal cards are one Gpu with a count, with CUDA's total and the least free memory of them."""
    mood.set(used1_mib=3000)
    assert local(library, mood)["found"] == [
        {
            "name": "NVIDIA GeForce RTX 4090",
            "memory_bytes": (24564 - 356) << 20,
            "count": 2,
            "source": "nvml",
            "free_bytes": (24564 - 356 - 3000) << 20,
            "processes": [],
            "compute_capability": [8, 9],
            "memory_bytes_range": None,
            "is_count_stated": True,
            "boots": [],
        }
    ]


def test_a_busy_card_that_the_engine_does_not_take_is_no_matter(library: Path, mood: Mood) -> None:
    """One rank runs on the first visible card; a neighbour's server on the second refuses nothing. Both are counted."""
    mood.set(used0_mib=100, used1_mib=20_000, processes1="5:1")
    free = {
        (ranks, shown): (gpu["free_bytes"] >> 20, gpu["count"], len(gpu["processes"]))
        for ranks, shown in ((0, "0,1"), (1, "0,1"), (2, "0,1"), (1, "1,0"), (4, "0,1"))
        for gpu in local(library, mood, ranks=ranks, CUDA_VISIBLE_DEVICES=shown)["found"]
    }
    usable = 24564 - 356
    busy = (usable - 20_000, 2, 1)
    assert free == {
        (0, "0,1"): busy,
        (1, "0,1"): (usable - 100, 2, 0),
        (2, "0,1"): busy,
        (1, "1,0"): busy,
        (4, "0,1"): busy,
    }


def test_who_holds_memory_is_named(library: Path, mood: Mood) -> None:
    """Of the card with the least free memory: those that compute and those that draw, each once, the largest first,
    without this process; a program without its folder and its arguments, which may hold a key."""
    mood.set(used0_mib=2000, processes0="5:1", used1_mib=3000)
    mood.set(processes1=f"123:{9 << 20},self:{9 << 30},77:?", drawing1=f"123:{9 << 20},42:{30 << 20}")
    mood.set(name_of123="/opt/venv/bin/python3 --api-key sk-secret", name_of42="VLLM::Engine\x1b[31mCore")
    assert local(library, mood)["found"][0]["processes"] == [
        {"pid": 42, "name": "VLLM::Engine", "memory_bytes": 30 << 20, "card": "1"},
        {"pid": 123, "name": "python3", "memory_bytes": 9 << 20, "card": "1"},
        {"pid": 77, "name": None, "memory_bytes": None, "card": "1"},
    ]


@pytest.mark.parametrize("list_", ["Compute", "Graphics"])
def test_a_driver_that_lists_no_processes_names_none(library: Path, mood: Mood, list_: str) -> None:
    """One list without an answer leaves the other; without both, the card is as it was."""
    mood.set(processes0=f"123:{9 << 20}", drawing0=f"42:{9 << 20}")
    mood.set(unsupported=f"nvmlDeviceGet{list_}RunningProcesses_v3")
    (one,) = local(library, mood)["found"][0]["processes"]
    assert one["pid"] == (42 if list_ == "Compute" else 123)
    mood.set(unsupported="nvmlDeviceGetComputeRunningProcesses_v3,nvmlDeviceGetGraphicsRunningProcesses_v3")
    assert local(library, mood)["found"][0]["processes"] == []


def test_a_check_counts_only_visible_cards(library: Path, mood: Mood) -> None:
    """CUDA_VISIBLE_DEVICES decides, and when it leaves none the message shows it."""
    assert local(library, mood, CUDA_VISIBLE_DEVICES="1")["found"][0]["count"] == 1
    assert "CUDA_VISIBLE_DEVICES='9' leaves none" in local(library, mood, CUDA_VISIBLE_DEVICES="9")["found"]


def test_unlike_cards_are_listed_apart(library: Path, mood: Mood) -> None:
    """A box of two kinds gives two Gpus."""
    mood.set(name1="NVIDIA L4", total1_mib=23034, reserved1_mib=475)
    found = local(library, mood)["found"]
    assert [(gpu["name"], gpu["count"]) for gpu in found] == [
        ("NVIDIA GeForce RTX 4090", 1),
        ("NVIDIA L4", 1),
    ]


@pytest.mark.parametrize("trouble", ["not_loaded", "gpu_lost", "unknown", "hang"])
def test_a_check_without_an_answering_driver_says_what_to_give(
    library: Path, mood: Mood, trouble: str
) -> None:
    """One clear line, promptly, also from a driver that hangs."""
    mood.set(mode=trouble)
    answer = local(library, mood, timeout=0.3)
    assert "--gpu" in answer["found"]
    assert "\n" not in answer["found"]
    assert answer["seconds"] < 3.0


@pytest.mark.parametrize(
    ("function", "asked"),
    [
        ("nvmlInitWithFlags", "to connect"),
        ("nvmlDeviceGetCount_v2", "for its GPUs"),
        ("nvmlDeviceGetName", "for its GPUs"),
        ("nvmlDeviceGetComputeRunningProcesses_v3", "who holds memory of GPU 0"),
        ("nvmlDeviceGetMemoryInfo_v2", "for the memory of GPU 0"),
    ],
)
def test_what_a_driver_hangs_at_is_said(library: Path, mood: Mood, function: str, asked: str) -> None:
    """Whichever question is not answered, the check goes on without, and the line names it."""
    mood.set(hang_at=function)
    found = ""
    for timeout in (0.5, 4.0, 20.0):  # a busy machine may take longer than the first to get there
        found = local(library, mood, timeout)["found"]
        if f"did not answer within {timeout:g} s when asked {asked}: " in found:
            return
    pytest.fail(found)


def test_a_driver_that_hangs_at_the_end_is_not_waited_for(library: Path, mood: Mood) -> None:
    """What it has answered is there before it is asked to disconnect."""
    mood.set(hang_at="nvmlShutdown")
    assert local(library, mood, timeout=30.0)["found"][0]["count"] == 2


class SlowDriver:
    """A driver that lets wait until it is allowed to answer."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def open(self) -> None:
        self.may_answer.wait()

    def devices(self) -> tuple[GpuDevice, ...]:
        return (GpuDevice(index=0, uuid="GPU-a", name="X"),)

    def processes(self, gpu: UsedGpu) -> tuple[GpuProcess, ...]:
        return ()

    def sample(self, gpu: UsedGpu) -> GpuSample:
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
        "costmeter: waiting up to 29 s for the NVIDIA driver, asked to connect"
    ]
