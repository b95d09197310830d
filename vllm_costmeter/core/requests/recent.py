"""The requests of the last hour by vLLM's id, at most so many."""

from __future__ import annotations

from vllm_costmeter.core.requests.ended import EndedRequest

KEPT_SECONDS = 3600.0
MOST_REQUESTS = 32_768
"""At about 800 bytes each this is 26 MB; of a process with more in an hour, the last are kept."""


class RecentRequests:
    """A request is charged once for each of its sequences, before it ends or after. Used by one thread at a time."""

    def __init__(self, most: int = MOST_REQUESTS) -> None:
        self._most = most
        self._by_number: dict[int, EndedRequest] = {}
        """In the order in which they ended."""
        self._numbers: dict[str, int] = {}
        """By id."""
        self._charged_early: dict[int, tuple[float, float, int]] = {}
        """Dollars, joules and sequences of requests that have not ended."""

    def charge(self, number: int, usd: float, joules: float) -> EndedRequest | None:
        """One sequence of it was charged; returns the request if that was the last one of it."""
        request = self._by_number.get(number)
        if request is None:
            before = self._charged_early.pop(number, (0.0, 0.0, 0))
            self._charged_early[number] = (before[0] + usd, before[1] + joules, before[2] + 1)
            if len(self._charged_early) > self._most:
                del self._charged_early[next(iter(self._charged_early))]
            return None
        request = request._replace(
            usd=request.usd + usd,
            joules=request.joules + joules,
            charged_sequences=request.charged_sequences + 1,
        )
        self._by_number[number] = request
        return request if request.is_settled else None

    def end(self, request: EndedRequest) -> EndedRequest:
        """It ended, or one more sequence of it has; returns it with what it was charged by now."""
        known = self._by_number.get(request.number)
        charged = self._charged_early.pop(request.number, (0.0, 0.0, 0))
        if known is not None:
            charged = (known.usd, known.joules, known.charged_sequences)
        usd, joules, sequences = charged
        request = request._replace(usd=usd, joules=joules, charged_sequences=sequences)
        self._by_number[request.number] = request
        for name in request.names:
            self._numbers[name] = request.number
        while len(self._by_number) > self._most:
            self._forget_first()
        return request

    def forget(self, now_unix_seconds: float) -> None:
        """Those that ended more than an hour ago."""
        while self._by_number:
            first = next(iter(self._by_number.values()))
            if now_unix_seconds - first.ended_unix_seconds <= KEPT_SECONDS:
                return
            self._forget_first()

    def find(self, request_id: str, now_unix_seconds: float) -> EndedRequest | None:
        """The latest request with this id, if it ended in the last hour."""
        found = self._by_number.get(self._numbers.get(request_id, 0))
        if found is None or now_unix_seconds - found.ended_unix_seconds > KEPT_SECONDS:
            return None
        return found

    def __len__(self) -> int:
        return len(self._by_number)

    def _forget_first(self) -> None:
        number = next(iter(self._by_number))
        for name in self._by_number.pop(number).names:
            if self._numbers.get(name) == number:
                del self._numbers[name]
