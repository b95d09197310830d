"""Internal errors of the meter, counted by the component that caught them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class ErrorCounts:
    """Counts from any thread. `add` is one dictionary update without a lock: losing a count to a race is better than
    a lock in vLLM's event loop.
    """

    __slots__ = ("_counts",)

    def __init__(self, places: Iterable[str] = ("hook", "sampler")) -> None:
        self._counts = dict.fromkeys(places, 0)

    def expect(self, places: Iterable[str]) -> None:
        """Add places that may occur later; they start at 0 like the others."""
        for place in places:
            self._counts.setdefault(place, 0)

    def add(self, where: str) -> None:
        """Count one error at `where`. Never raises."""
        self._counts[where] = self._counts.get(where, 0) + 1

    def counts(self) -> Mapping[str, int]:
        """Count by place. Places known in advance start at 0, so that an alert notices the first error."""
        return dict(self._counts)
