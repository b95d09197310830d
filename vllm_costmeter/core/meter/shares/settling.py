"""Finished requests that wait until their cost has been charged to the server."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from vllm_costmeter.core.meter.shares.request_work import RequestWork

LONGEST_WAIT_SECONDS = 10.0
MOST_WAITING = 16_384


class Settling:
    """A long step is reported at its end and charged over the following ticks, so a request can end before its time
    has been charged."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, RequestWork]] = deque()

    def add(self, now_seconds: float, ended: Iterable[RequestWork]) -> None:
        """They ended by `now_seconds`."""
        self._waiting.extend((now_seconds, request) for request in ended)

    def take(self, now_seconds: float, charged_until: float) -> list[RequestWork]:
        """Those whose time has been charged, and those that have waited too long or are too many."""
        until = max(charged_until, now_seconds - LONGEST_WAIT_SECONDS)
        taken = []
        while self._waiting and (self._waiting[0][0] <= until or len(self._waiting) > MOST_WAITING):
            taken.append(self._waiting.popleft()[1])
        return taken

    def __len__(self) -> int:
        return len(self._waiting)
