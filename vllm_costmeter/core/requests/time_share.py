"""The time of the engines, divided equally among the requests that are in them at each moment."""

from __future__ import annotations


class TimeShares:
    """What the first requests of a server are estimated by, before any was charged. O(1) at each begin and end."""

    def __init__(self, engines: int) -> None:
        self._engines = engines
        self._shared_seconds = 0.0
        self._running = 0
        self._at: float | None = None

    def begin(self, now_seconds: float) -> float:
        """One more request runs; returns the reading to give to `since`."""
        self._advance(now_seconds)
        self._running += 1
        return self._shared_seconds

    def end(self, now_seconds: float) -> None:
        """One less."""
        self._advance(now_seconds)
        self._running = max(0, self._running - 1)

    def since(self, begun: float, now_seconds: float) -> float:
        """The part of one server's seconds that was a request's own since `begun`: one of four engines' for a request
        that ran alone."""
        self._advance(now_seconds)
        return self._shared_seconds - begun

    def _advance(self, now_seconds: float) -> None:
        if self._at is not None:
            self._shared_seconds += max(0.0, now_seconds - self._at) / max(self._running, self._engines, 1)
        self._at = now_seconds
