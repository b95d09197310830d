"""The process ids that belong to this server: its own process and all descendants."""

from __future__ import annotations

import os
from pathlib import Path

from vllm_costmeter.core.whole_number import whole_number

DEEPEST = 64
"""Maximum number of ancestors to check; vLLM's workers are at most four levels below the server."""


class ProcessTree:
    """The process `root_pid` and its descendants, read from /proc on each call."""

    def __init__(self, root_pid: int | None = None, proc: Path = Path("/proc")) -> None:
        self._root_pid = os.getpid() if root_pid is None else root_pid
        self._proc = proc

    def owns(self, pid: int) -> bool:
        """True for the root and its descendants; False for others, and for ids that do not exist here (in a container
        the driver may report the host's ids)."""
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
    may itself contain spaces and parentheses. 0 if the line is invalid."""
    fields = line.rpartition(")")[2].split()
    return (whole_number(fields[1]) or 0) if len(fields) > 1 else 0
