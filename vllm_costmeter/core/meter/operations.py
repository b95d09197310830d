"""How long a server took to start, to fall asleep and to wake up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from vllm_costmeter.core.dataclass import dataclass

OperationKind = Literal["start", "sleep", "wake"]
MEMORY = frozenset({"weights", "kv_cache"})
"""What sleep frees, by vLLM's names (`sleeping_tags` of v1/executor/abstract.py, 0.17 to 0.33)."""


class Operation(NamedTuple):
    """What took time."""

    kind: OperationKind
    level: int
    """Of vLLM's sleep mode, 1 or 2; 0 for a start."""


class Durations(NamedTuple):
    """Of one kind of operation."""

    times: int = 0
    seconds: float = 0.0
    """All of them together."""

    def plus(self, other: Durations) -> Durations:
        """Both together."""
        return Durations(self.times + other.times, self.seconds + other.seconds)

    def minus(self, earlier: Durations) -> Durations:
        """The increase since `earlier`."""
        return Durations(self.times - earlier.times, self.seconds - earlier.seconds)


Operations = Mapping[Operation, Durations]
START = Operation("start", 0)


@dataclass(slots=True)
class OperationLog:
    """Counts the operations of one API process. Written by its event loop; `totals` may be read by another thread.

    Level 0 frees no memory and takes no time worth knowing: it is left out.
    """

    totals: Operations
    """A new object after each operation."""
    _asleep: frozenset[str] = frozenset()
    _level: int = 0
    _waking_since: float | None = None

    def started(self, seconds: float) -> None:
        """The server can serve, `seconds` after its process began."""
        self.totals = {**self.totals, START: Durations(1, seconds)}

    def slept(self, level: int, seconds: float) -> None:
        """It fell asleep, which took `seconds`, with the requests that were waited for."""
        if level < 1:
            return
        self._level, self._asleep, self._waking_since = max(level, self._level), MEMORY, None
        self._add(Operation("sleep", level), seconds)

    def woke(
        self, began_seconds: float, now_seconds: float, tags: Iterable[str] | None, fully: bool | None
    ) -> None:
        """A wake-up call ended. Several may wake one part of the memory after the other, with other calls between them:
        the wake-up then took from the beginning of the first to the end of the last.

        `tags` are the parts it named; None for all. `fully` is whether vLLM said that all are awake; None before 0.31,
        which says nothing (and wakes nothing if a part is named that is awake already).
        """
        if not self._level:
            return  # not asleep, or put to sleep by another process: since when and how deeply is not known
        if self._waking_since is None:
            self._waking_since = began_seconds
        named = self._asleep if tags is None else frozenset(tags) - {"scheduling"}
        if named <= self._asleep:
            self._asleep -= named
        if not self._asleep if fully is None else fully:
            self._add(Operation("wake", self._level), now_seconds - self._waking_since)
            self._level, self._asleep, self._waking_since = 0, frozenset(), None

    def _add(self, operation: Operation, seconds: float) -> None:
        before = self.totals.get(operation, Durations())
        self.totals = {**self.totals, operation: before.plus(Durations(1, max(0.0, seconds)))}
