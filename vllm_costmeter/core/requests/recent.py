"""The requests of the last hour by vLLM's id, as many as there is room for."""

from __future__ import annotations

from vllm_costmeter.core.requests.ended import EndedRequest
from vllm_costmeter.core.requests.settled import HALF_BYTES, SettledRequests

KEPT_SECONDS = 3600.0
MOST_OPEN = 32_768
"""Requests that wait for their charge, and charges of requests that have not ended."""
SETTLED_AFTER_SECONDS = 10.0
"""A sequence of an aborted request can end later than the request."""
GIVEN_UP_AFTER_SECONDS = 600.0
"""A request that is not charged by then stays an estimate."""


class RecentRequests:
    """A request is charged once for each of its sequences, before it ends or after. Used by one thread at a time."""

    def __init__(self, most_open: int = MOST_OPEN, half_bytes: int = HALF_BYTES) -> None:
        self._most_open = most_open
        self._open: dict[int, EndedRequest] = {}
        """By number, in the order in which they ended."""
        self._numbers: dict[str, int] = {}
        """Of the open ones, by id."""
        self._charged_early: dict[int, tuple[float, float, int]] = {}
        """Dollars, joules and sequences of requests that have not ended."""
        self._settled = SettledRequests(half_bytes)

    def charge(self, number: int, usd: float, joules: float) -> EndedRequest | None:
        """One sequence of it was charged; returns the request if that was the last one of it."""
        request = self._open.get(number)
        if request is None:
            before = self._charged_early.pop(number, (0.0, 0.0, 0))
            self._charged_early[number] = (before[0] + usd, before[1] + joules, before[2] + 1)
            if len(self._charged_early) > self._most_open:
                del self._charged_early[next(iter(self._charged_early))]
            return None
        request = request._replace(
            usd=request.usd + usd,
            joules=request.joules + joules,
            charged_sequences=request.charged_sequences + 1,
        )
        self._open[number] = request
        return request if request.is_settled else None

    def end(self, request: EndedRequest) -> EndedRequest:
        """It ended, or one more sequence of it has; returns it with what it was charged by now."""
        usd, joules, sequences = self._charged_early.pop(request.number, (0.0, 0.0, 0))
        known = self._open.get(request.number)
        if known is None and request.sequences > 1:  # only then it can have ended before
            known = self._settled.find_number(request.number)
        if known is not None:
            usd, joules = usd + known.usd, joules + known.joules
            sequences += known.charged_sequences
        request = request._replace(usd=usd, joules=joules, charged_sequences=sequences)
        self._open[request.number] = request
        for name in request.names:
            self._numbers[name] = request.number
        while len(self._open) > self._most_open:
            self._close_first()
        return request

    def close(self, now_unix_seconds: float) -> None:
        """Those that nothing more is expected of."""
        while self._open:
            first = next(iter(self._open.values()))
            age = now_unix_seconds - first.ended_unix_seconds
            if age <= (SETTLED_AFTER_SECONDS if first.is_settled else GIVEN_UP_AFTER_SECONDS):
                return
            self._close_first()

    def find(self, request_id: str, now_unix_seconds: float) -> EndedRequest | None:
        """The latest request with this id, if it ended in the last hour."""
        found = self._open.get(self._numbers.get(request_id, -1)) or self._settled.find(request_id)
        if found is None or now_unix_seconds - found.ended_unix_seconds > KEPT_SECONDS:
            return None
        return found

    @property
    def open_count(self) -> int:
        """Requests that wait for their charge, or were charged just now."""
        return len(self._open)

    def _close_first(self) -> None:
        request = self._open.pop(next(iter(self._open)))
        self._settled.add(request)
        for name in request.names:
            if self._numbers.get(name) == request.number:
                del self._numbers[name]
