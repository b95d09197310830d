"""Requests that ended and were charged, in memory that is taken once."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.core.requests.ended import EndedRequest
from vllm_costmeter.core.requests.request_lines import id_key, lines_with, number_key, to_line

HALF_BYTES = 6 << 20
"""About 20,000 requests of 300 bytes (long ids take more): the last so many are kept, and up to twice as many."""


class SettledRequests:
    """Two halves written in turn, each touched at once: a server's memory does not grow while they fill. Used by one
    thread at a time."""

    def __init__(self, half_bytes: int = HALF_BYTES) -> None:
        self._halves = [bytearray(b"\n") * half_bytes for _ in range(2)]
        self._used = [0, 0]
        self._current = 0
        self._largest_number = -1

    def add(self, request: EndedRequest) -> None:
        """The last state of a request is the one that is found."""
        line = to_line(request)
        if self._used[self._current] + len(line) > len(self._halves[self._current]):
            self._current = 1 - self._current
            self._used[self._current] = 0
        begin = self._used[self._current]
        end = begin + len(line)
        if end > len(self._halves[self._current]):
            return  # longer than all there is
        self._halves[self._current][begin:end] = line
        self._used[self._current] = end
        self._largest_number = max(self._largest_number, request.number)

    def find(self, request_id: str) -> EndedRequest | None:
        """The latest with this id."""
        return self._last(id_key(request_id), lambda request: request_id in request.names)

    def find_number(self, number: int) -> EndedRequest | None:
        """That request. A number above all that were added is not looked for."""
        if number > self._largest_number:
            return None
        return self._last(number_key(number), lambda request: True)

    def _last(self, key: bytes, is_it: Callable[[EndedRequest], bool]) -> EndedRequest | None:
        for half in (self._current, 1 - self._current):
            for request in lines_with(self._halves[half], key, self._used[half]):
                if is_it(request):
                    return request
        return None
