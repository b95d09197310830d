"""The tracebacks in a server's log."""

from __future__ import annotations

import re

_BEGIN = "Traceback (most recent call last):"
_PREFIX = re.compile(r"^\(\w+ pid=\d+\) ?(\S+ \d\d-\d\d \d\d:\d\d:\d\d \[\S+\] ?)?")
"""What vLLM puts before each line of its processes."""


def errors_through(log: str, part: str) -> list[str]:
    """The last lines of tracebacks with a frame in a file whose path contains `part`, without those of an interruption:
    it strikes whatever runs."""
    found = []
    lines = iter([_PREFIX.sub("", line) for line in log.splitlines()])
    for line in lines:
        if not line.startswith(_BEGIN):
            continue
        frames = []
        last = "cut off"
        for frame in lines:
            if frame and not frame[0].isspace():
                last = frame
                break
            frames.append(frame)
        through = any(part in frame and 'File "' in frame for frame in frames)
        if through and not last.startswith("KeyboardInterrupt"):
            found.append(last)
    return found
