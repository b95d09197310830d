"""A server's processes as the kernel counts them: their processor time, where they may run, whether they run at all."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def members(group: int) -> list[int]:
    """Process ids of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := stat_fields(int(entry.name))) and int(fields[2]) == group:
            found.append(int(entry.name))
    return found


def cpu_seconds(group: int) -> float:
    """Processor time of all processes of a group since they started, user and system."""
    fields = [stat_fields(process) for process in members(group)]
    return sum(int(each[11]) + int(each[12]) for each in fields if each) / TICKS_PER_SECOND


def stat_fields(process: int) -> list[str]:
    """/proc/PID/stat from its third field on (the state); empty for a process that is gone."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def pin(group: int, core: int) -> None:
    """Let every thread of a group run on one core only."""
    for process in members(group):
        for task in Path(f"/proc/{process}/task").iterdir():
            with contextlib.suppress(OSError):  # a thread that ended meanwhile
                os.sched_setaffinity(int(task.name), {core})


@contextlib.contextmanager
def paused(group: int) -> Iterator[None]:
    """A group that does nothing at all meanwhile, not even what an idle server does once a second."""
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)
