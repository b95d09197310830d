"""When a server had work, from its clients' point of view."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence

import client

Interval = tuple[float, float]


def union_seconds(intervals: Iterable[Interval]) -> float:
    """Seconds in which at least one of the intervals runs."""
    covered, end = 0.0, float("-inf")
    for began, ended in sorted(intervals):
        covered += max(0.0, ended - max(began, end))
        end = max(end, ended)
    return covered


def waves(url: str, sizes: Sequence[int], gap_seconds: float, max_tokens: int) -> list[Interval]:
    """Waves of staggered requests, each over connections of their own, and silence between them; when each ran."""
    ran: list[Interval] = []

    def one(number: int) -> None:
        began = time.monotonic()
        client.complete(url, f"wave {number} {began}", max_tokens=max_tokens, ignore_eos=True)
        ran.append((began, time.monotonic()))

    for size in sizes:
        threads = [threading.Thread(target=one, args=(number,)) for number in range(size)]
        for thread in threads:
            thread.start()
            time.sleep(0.15)
        for thread in threads:
            thread.join()
        time.sleep(gap_seconds)
    return ran
