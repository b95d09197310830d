"""This machine's GPUs for a fit check, through the real pynvml, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from local_gpu_answers import local
from nvml_stand_in import Mood


def test_a_check_finds_this_machines_gpus(library: Path, mood: Mood) -> None:
    """Equal GPUs are one Gpu with a count, with CUDA's total and the least free memory of them."""
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
            "price": None,
        }
    ]


def test_a_busy_gpu_that_the_engine_does_not_take_is_no_matter(library: Path, mood: Mood) -> None:
    """One rank runs on the first visible GPU; a neighbour's server on the second refuses nothing. Both are counted."""
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
    """Of the GPU with the least free memory: those that compute and those that draw, each once, the largest first,
    without this process; a program without its folder and its arguments, which may hold a key."""
    mood.set(used0_mib=2000, processes0="5:1", used1_mib=3000)
    mood.set(processes1=f"123:{9 << 20},self:{9 << 30},77:?", drawing1=f"123:{9 << 20},42:{30 << 20}")
    mood.set(name_of123="/opt/venv/bin/python3 --api-key sk-secret", name_of42="VLLM::Engine\x1b[31mCore")
    assert local(library, mood)["found"][0]["processes"] == [
        {"pid": 42, "name": "VLLM::Engine", "memory_bytes": 30 << 20, "gpu": "1"},
        {"pid": 123, "name": "python3", "memory_bytes": 9 << 20, "gpu": "1"},
        {"pid": 77, "name": None, "memory_bytes": None, "gpu": "1"},
    ]


@pytest.mark.parametrize("list_", ["Compute", "Graphics"])
def test_a_driver_that_lists_no_processes_names_none(library: Path, mood: Mood, list_: str) -> None:
    """One list without an answer leaves the other; without both, the GPU is as it was."""
    mood.set(processes0=f"123:{9 << 20}", drawing0=f"42:{9 << 20}")
    mood.set(unsupported=f"nvmlDeviceGet{list_}RunningProcesses_v3")
    (one,) = local(library, mood)["found"][0]["processes"]
    assert one["pid"] == (42 if list_ == "Compute" else 123)
    mood.set(unsupported="nvmlDeviceGetComputeRunningProcesses_v3,nvmlDeviceGetGraphicsRunningProcesses_v3")
    assert local(library, mood)["found"][0]["processes"] == []


def test_a_check_counts_only_visible_gpus(library: Path, mood: Mood) -> None:
    """CUDA_VISIBLE_DEVICES decides, and when it leaves none the message shows it."""
    assert local(library, mood, CUDA_VISIBLE_DEVICES="1")["found"][0]["count"] == 1
    assert "CUDA_VISIBLE_DEVICES='9' leaves none" in local(library, mood, CUDA_VISIBLE_DEVICES="9")["found"]


UNLIKE: dict[str, object] = {"name1": "NVIDIA L4", "total1_mib": 23034, "reserved1_mib": 475}


def test_the_check_does_not_guess_which_of_unlike_gpus_an_engine_takes(library: Path, mood: Mood) -> None:
    """The rule of the meter: CUDA's first is the fastest, the driver's the first on the bus. With the order said, or
    UUIDs, the GPU that vLLM takes is checked."""
    mood.set(**UNLIKE)
    unknown = local(library, mood, ranks=1)["found"]
    assert "different GPU models (NVIDIA GeForce RTX 4090, NVIDIA L4)" in unknown
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in unknown
    assert "--gpu" in unknown
    in_order = local(library, mood, ranks=1, CUDA_DEVICE_ORDER="PCI_BUS_ID", CUDA_VISIBLE_DEVICES="1,0")
    by_uuid = local(library, mood, ranks=1, CUDA_VISIBLE_DEVICES="GPU-2")
    by_flag = local(library, mood, ranks=1, device_ids=[1], CUDA_DEVICE_ORDER="PCI_BUS_ID")
    assert [each["found"][0]["name"] for each in (in_order, by_uuid, by_flag)] == ["NVIDIA L4"] * 3


def test_an_engine_on_unlike_gpus_is_not_judged_by_one_of_them(library: Path, mood: Mood) -> None:
    """Two ranks on two kinds: neither "there is only one" nor "both are the first kind"."""
    mood.set(**UNLIKE)
    answer = local(library, mood, ranks=2)["found"]
    assert answer.startswith(
        "an engine on different GPU models (NVIDIA GeForce RTX 4090, NVIDIA L4) is not modelled: "
    )


def test_device_ids_that_name_no_gpu_are_said(library: Path, mood: Mood) -> None:
    """And not that there is none."""
    assert "--device-ids 7 names none of 2 found" in local(library, mood, ranks=1, device_ids=[7])["found"]


def test_device_ids_say_whose_free_memory_counts(library: Path, mood: Mood) -> None:
    """A neighbour's server on GPU 0 refuses nothing to an engine on GPU 1."""
    mood.set(used0_mib=20_000, used1_mib=100)
    usable = 24564 - 356
    free = [
        local(library, mood, ranks=1, device_ids=ids)["found"][0]["free_bytes"] >> 20 for ids in ([0], [1])
    ]
    assert free == [usable - 20_000, usable - 100]


@pytest.mark.parametrize("odd", [{"used0_mib": -1}, {"used0_mib": 30_000}, {"total0_mib": 1 << 31}])
def test_memory_that_cannot_be_is_not_checked_against(
    library: Path, mood: Mood, odd: dict[str, object]
) -> None:
    """One clear line instead of a verdict on numbers that no GPU has."""
    mood.set(**odd)
    answer = local(library, mood)["found"]
    assert "is not possible" in answer
    assert "--gpu" in answer


def test_a_process_that_holds_more_than_there_is_has_no_figure(library: Path, mood: Mood) -> None:
    """It is named all the same."""
    mood.set(gpus=1, processes0=f"123:{1 << 62}", name_of123="python3")
    (process,) = local(library, mood)["found"][0]["processes"]
    assert (process["pid"], process["memory_bytes"]) == (123, None)


def test_unlike_gpus_are_listed_apart(library: Path, mood: Mood) -> None:
    """A box of two kinds gives two Gpus."""
    mood.set(**UNLIKE)
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
