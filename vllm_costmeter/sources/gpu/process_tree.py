"""Which process ids belong to this server: its own process and everything started under it."""

from __future__ import annotations

import os
from pathlib import Path

DEEPEST = 64
"""Generations walked up; vLLM's workers are at most four below the server."""


class ProcessTree:
    """The processes at and below `root_pid`, read from /proc when asked."""

    def __init__(self, root_pid: int | None = None, proc: Path = Path("/proc")) -> None:
        self._root_pid = os.getpid() if root_pid is None else root_pid
        self._proc = proc

    def owns(self, pid: int) -> bool:
        """True for the root and its descendants; False for others, and for ids that lead nowhere here (a driver
        that tells the host's ids inside a container)."""
        for _ in range(DEEPEST):
            if pid == self._root_pid:
                return True
            if pid <= 1:
                return False
            pid = self._parent(pid)
        return False

    def _parent(self, pid: int) -> int:
        try:
            line = (self._proc / str(pid) / "stat").read_text("utf-8", errors="replace")
        except OSError:
            return 0
        return parent_in_stat(line)


def parent_in_stat(line: str) -> int:
    """The parent's id in a line of /proc/<pid>/stat (proc(5)): the second field after the name in parentheses, which
    may itself hold spaces and parentheses. 0 where the line is none."""
    fields = line.rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 and fields[1].isdecimal() else 0
