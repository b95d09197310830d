"""How long ago a process began."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from vllm_costmeter.sources.files.process_age import process_age_seconds


def test_a_process_is_as_old_as_it_is() -> None:
    """It began after the moment before it was started, and its name may have spaces and parentheses."""
    before = time.monotonic()
    with subprocess.Popen(["sleep", "60"]) as process:
        started = time.monotonic()
        age = process_age_seconds(process.pid)
        now = time.monotonic()
        process.kill()
    assert age is not None
    assert now - before + 0.02 >= age >= 0  # clock ticks are 10 ms
    own = process_age_seconds(os.getpid())
    assert own is not None
    assert own > age - (now - started)


@pytest.mark.parametrize("stat", [None, "", "1 (x) S", "1 (x) S " + "a " * 40])
def test_what_cannot_be_told_is_none(stat: str | None, tmp_path: Path) -> None:
    """No such process, and a line that is not the kernel's."""
    if stat is not None:
        (tmp_path / "7").mkdir()
        (tmp_path / "7" / "stat").write_text(stat)
    assert process_age_seconds(7, tmp_path) is None


def test_a_name_may_look_like_fields(tmp_path: Path) -> None:
    """Fields are counted behind its last parenthesis; a start in the future is none."""
    ticks = os.sysconf("SC_CLK_TCK")
    began = time.clock_gettime(time.CLOCK_BOOTTIME) - 50
    for pid, seconds in ((7, began), (8, began + 1e6)):
        (tmp_path / str(pid)).mkdir()
        fields = ["S", *["0"] * 18, str(int(seconds * ticks)), "0"]
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a) 1 2 (b) {' '.join(fields)}")
    assert process_age_seconds(7, tmp_path) == pytest.approx(50, abs=5)
    assert process_age_seconds(8, tmp_path) is None
