"""A group of processes is counted, pinned and paused as a whole."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from scripts.bench.processes import cpu_seconds, members, paused, pin


@pytest.fixture
def group() -> Iterator[int]:
    """A shell and its child in a group of their own; the child works."""
    busy = "while :; do :; done"
    process = subprocess.Popen(["sh", "-c", f"sh -c '{busy}' & wait"], start_new_session=True)
    deadline = time.monotonic() + 10
    while len(members(process.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    yield process.pid
    os.killpg(process.pid, 9)
    process.wait()


def grows(group: int) -> bool:
    """Whether the group's processor time grows within a second or two, on a busy machine too."""
    before, deadline = cpu_seconds(group), time.monotonic() + 10
    while time.monotonic() < deadline:
        if cpu_seconds(group) > before + 0.02:
            return True
        time.sleep(0.01)
    return False


def test_the_work_of_a_child_counts_and_a_paused_group_does_none(group: int) -> None:
    """Processor time is that of all members, and stands still while they are stopped."""
    assert grows(group)
    with paused(group):
        time.sleep(0.05)
        before = cpu_seconds(group)
        time.sleep(0.3)
        assert cpu_seconds(group) == before
    assert grows(group)


def test_every_member_is_pinned(group: int) -> None:
    """Child and parent may run on that core alone."""
    core = min(os.sched_getaffinity(0))
    pin(group, core)
    assert [os.sched_getaffinity(process) for process in members(group)] == [{core}, {core}]
