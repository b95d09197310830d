"""How long ago a process began."""

from __future__ import annotations

import os
import time
from pathlib import Path

PROC = Path("/proc")


def process_age_seconds(pid: int, proc: Path = PROC) -> float | None:
    """By the kernel's own clock, which no change of the time of day moves; None where there is no such process or no
    /proc. Field 22 of /proc/<pid>/stat (proc(5)) is in clock ticks since the machine booted; fields are counted behind
    the name in parentheses, which may have spaces and parentheses."""
    try:
        after_name = (proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        began = int(after_name[22 - 3]) / os.sysconf("SC_CLK_TCK")
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - began
    except (OSError, ValueError, IndexError, AttributeError):
        return None
    return age if age >= 0 else None
