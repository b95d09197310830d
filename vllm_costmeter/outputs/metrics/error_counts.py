"""Faults of the meter, counted by where they were caught."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class ErrorCounts:
    """Counts from any thread: `add` is one dictionary update, which needs no lock under the interpreter's own, and
    a count lost to a race is worth less than a lock in vLLM's event loop.
    """

    __slots__ = ("_counts",)

    def __init__(self, places: Iterable[str] = ("hook", "sampler")) -> None:
        self._counts = dict.fromkeys(places, 0)

    def expect(self, places: Iterable[str]) -> None:
        """Places that may follow; they start at 0 as those known beforehand do."""
        for place in places:
            self._counts.setdefault(place, 0)

    def add(self, where: str) -> None:
        """One more fault at `where`. Never raises."""
        self._counts[where] = self._counts.get(where, 0) + 1

    def counts(self) -> Mapping[str, int]:
        """By place; places that are known beforehand start at 0, so that an alert sees the first fault."""
        return dict(self._counts)
