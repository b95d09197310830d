"""Totals over the last minute, five minutes, hour, and since the start."""

from __future__ import annotations

import struct
from collections import deque
from typing import NamedTuple

WINDOW_SECONDS: dict[str, float] = {"1m": 60.0, "5m": 300.0, "1h": 3600.0}
TOTAL = "total"
ENTRIES_PER_WINDOW = 1200  # one per 50 ms (1m) to 3 s (1h): the far edge is at most 0.1 % of the window off


class Cumulative(NamedTuple):
    """Totals since the meter started, at one moment of its clock."""

    seconds: float
    usd: float
    prefill_usd: float
    decode_usd: float
    active_usd: float
    prompt_computed_tokens: int
    prompt_cached_tokens: int
    generated_tokens: int
    floor_compute_usd: float = 0.0
    """What the work would have cost with compute at 100 % and nothing else; 0 if the GPUs' rates are unknown."""
    floor_memory_usd: float = 0.0
    """The same with memory bandwidth at 100 %."""


KEPT = struct.Struct("=10d")
"""The fields of `Cumulative`, in their order, in 80 bytes: as Python numbers they take 400. Tokens too: a foreign
engine's page may tell more than 64 bits hold."""
SECONDS = struct.Struct("=d")
"""The first of them."""


def difference(later: Cumulative, earlier: Cumulative) -> Cumulative:
    """The increase between two moments."""
    return Cumulative(
        seconds=later.seconds - earlier.seconds,
        usd=later.usd - earlier.usd,
        prefill_usd=later.prefill_usd - earlier.prefill_usd,
        decode_usd=later.decode_usd - earlier.decode_usd,
        active_usd=later.active_usd - earlier.active_usd,
        prompt_computed_tokens=later.prompt_computed_tokens - earlier.prompt_computed_tokens,
        prompt_cached_tokens=later.prompt_cached_tokens - earlier.prompt_cached_tokens,
        generated_tokens=later.generated_tokens - earlier.generated_tokens,
        floor_compute_usd=later.floor_compute_usd - earlier.floor_compute_usd,
        floor_memory_usd=later.floor_memory_usd - earlier.floor_memory_usd,
    )


class Window:
    """The totals of about `length_seconds` ago, in bounded memory for any tick interval.

    A window starts at the last tick at or before its nominal start, so it is never too short once the meter has run
    that long, and it includes gaps between ticks.
    """

    __slots__ = ("_entries", "_length_seconds", "_spacing_seconds")

    def __init__(self, length_seconds: float) -> None:
        self._length_seconds = length_seconds
        self._spacing_seconds = length_seconds / ENTRIES_PER_WINDOW
        self._entries: deque[bytes] = deque()

    def push(self, now: Cumulative) -> Cumulative:
        """Store this moment and return the increase over the window that ends with it."""
        entries = self._entries
        if not entries or now.seconds - _seconds(entries[-1]) >= self._spacing_seconds:
            entries.append(KEPT.pack(*now))
        edge = now.seconds - self._length_seconds
        while len(entries) > 1 and _seconds(entries[1]) <= edge:
            entries.popleft()
        return difference(now, Cumulative(*KEPT.unpack(entries[0])))

    def __len__(self) -> int:
        return len(self._entries)


def _seconds(kept: bytes) -> float:
    """The first field of a kept moment."""
    seconds: float
    (seconds,) = SECONDS.unpack_from(kept)
    return seconds


class Windows:
    """All windows of the meter; `total` starts at the first moment pushed."""

    __slots__ = ("_first", "_windows")

    def __init__(self) -> None:
        self._windows = {name: Window(seconds) for name, seconds in WINDOW_SECONDS.items()}
        self._first: Cumulative | None = None

    def push(self, now: Cumulative) -> dict[str, Cumulative]:
        """The increase over each window, keyed 1m, 5m, 1h, total."""
        if self._first is None:
            self._first = now
        added = {name: window.push(now) for name, window in self._windows.items()}
        added[TOTAL] = difference(now, self._first)
        return added

    def __len__(self) -> int:
        return sum(len(window) for window in self._windows.values())
