"""This machine's cards for a fit check, through the real pynvml, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nvml_stand_in import Mood, environment

PROBE = Path(__file__).parent / "gpu_probe.py"


def local(library: Path, mood: Mood, timeout: float = 5.0, **variables: str) -> dict[str, Any]:
    """What `local_gpus` said in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(PROBE), "local", str(timeout)],
        env=environment(library, mood.file) | variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
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
            "compute_capability": [8, 9],
            "is_count_stated": True,
            "boots": [],
        }
    ]


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
