"""What a server's processes hold, over time, as the kernel counts it."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from scripts.bench.processes import members, stat_fields

HOUR = 3600.0
MIB = 1 << 20


@dataclass(frozen=True)
class Sample:
    """Of all processes of a server, at a monotonic second."""

    seconds: float
    anonymous_bytes: Mapping[str, int]
    """By the name of the process. Memory that no file stands behind: what it has allocated."""
    descriptors: int
    threads: int


@dataclass
class Samples:
    """Of one server, whose process group this is."""

    group: int
    taken: list[Sample] = field(default_factory=list)

    def take(self) -> Sample:
        """Now. Sockets of requests under way are among the descriptors."""
        processes = members(self.group)
        sample = Sample(
            time.monotonic(),
            {_name(process): _anonymous_bytes(process) for process in processes},
            sum(_entries(f"/proc/{process}/fd") for process in processes),
            sum(int(fields[17]) for process in processes if (fields := stat_fields(process))),
        )
        self.taken.append(sample)
        return sample

    def mib_per_hour(self, process: str, since_seconds: float) -> float:
        """Growth of a process's memory since a monotonic second: the median of the slopes between any two samples
        (Theil and Sen), which a few bursts do not move."""
        return slope_per_hour(
            [
                (each.seconds, each.anonymous_bytes[process] / MIB)
                for each in self.taken
                if each.seconds >= since_seconds
            ]
        )


def slope_per_hour(points: Sequence[tuple[float, float]]) -> float:
    """The median slope of (second, value) pairs; raises StatisticsError for fewer than two."""
    few = points[:: max(1, len(points) // 400)]
    return statistics.median(
        (after[1] - before[1]) / (after[0] - before[0]) * HOUR for before, after in combinations(few, 2)
    )


def _name(process: int) -> str:
    """As its program calls itself, at most 15 letters; empty if it has ended."""
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return ""


def _anonymous_bytes(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0  # it ended
    found = re.search(r"^Anonymous:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _entries(folder: str) -> int:
    try:
        return len(list(Path(folder).iterdir()))
    except OSError:
        return 0
