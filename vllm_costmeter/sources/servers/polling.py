"""Many servers read again and again, a bounded number at once; those that fail, less and less often."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fleet.reading import ServerReading, ServerRow

AT_ONCE = 32
REMEMBERED = 30
"""Rates per server, for its sparkline."""
LONGEST_PAUSE_SECONDS = 30.0
READING, GIVEN_UP = "reading", "the page could not be understood"

Read = Callable[[str], ServerReading]


@dataclass(slots=True)
class _Polled:
    row: ServerRow
    due: float = 0.0
    is_read: bool = False
    failures: int = 0
    read_at: float | None = None
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


class Poller:
    """Threads that read servers. `step` is called often and says which are due; it never waits for a server."""

    def __init__(
        self,
        read: Read,
        interval_seconds: float,
        *,
        at_once: int = AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._interval = interval_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._polled: dict[str, _Polled] = {}
        self._due: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._at_once = at_once
        self._threads = 0
        self.changes = 0
        """Grows with every answer."""

    def watch(self, servers: Sequence[str]) -> None:
        """Read these from now on and no others; what is known of those that stay is kept, and their order is this."""
        with self._lock:
            new = {name: self._polled.get(name) or _Polled(ServerRow(name, None, None)) for name in servers}
            self.changes += new.keys() != self._polled.keys()
            self._polled = new
        while self._threads < min(self._at_once, len(servers)):
            threading.Thread(target=self._work, daemon=True).start()
            self._threads += 1

    def step(self) -> None:
        """Hand what is due to the threads."""
        now = self._clock()
        with self._lock:
            for name, polled in self._polled.items():
                if not polled.is_read and now >= polled.due:
                    polled.is_read = True
                    self._due.put(name)

    def rows(self) -> list[ServerRow]:
        """Every server as last seen."""
        with self._lock:
            return [polled.row for polled in self._polled.values()]

    def all_answered(self) -> bool:
        """Whether every server has been read or has failed."""
        return all(row.reading is not None or row.fault is not None for row in self.rows())

    def stop(self) -> None:
        """End the threads that wait; those that read end with the process."""
        for _ in range(self._threads):
            self._due.put(None)

    def _work(self) -> None:
        while (name := self._due.get()) is not None:
            reading, fault = None, None
            try:
                reading = self._read(name)
            except BadInputError as refused:
                fault = str(refused)
            except Exception as fault_of_ours:  # noqa: BLE001 (without its threads no server is read)
                fault = f"{name}: {GIVEN_UP} ({type(fault_of_ours).__name__})"
            self._take(name, reading, fault)

    def _take(self, name: str, reading: ServerReading | None, fault: str | None) -> None:
        now = self._clock()
        with self._lock:
            self.changes += 1
            polled = self._polled.get(name)
            if polled is None:
                return
            polled.is_read = False
            if reading is None:
                polled.failures += 1
                polled.recent.clear()
                polled.read_at = None
                pause = min(self._interval * 2**polled.failures, max(LONGEST_PAUSE_SECONDS, self._interval))
            else:
                polled.failures, pause = 0, self._interval
                reading = _with_rate(reading, polled.row.reading, polled.read_at, now)
                polled.read_at = now
                if reading.tokens_per_second is not None:
                    polled.recent.append(reading.tokens_per_second)
            polled.due = now + pause
            polled.row = ServerRow(name, reading, fault, tuple(polled.recent))


def _with_rate(
    reading: ServerReading, before: ServerReading | None, read_at: float | None, now: float
) -> ServerReading:
    """A server without the meter publishes no rate: that since the last reading, unless it has restarted."""
    if reading.tokens_per_second is not None or before is None or read_at is None or now <= read_at:
        return reading
    if reading.tokens_since_start is None or before.tokens_since_start is None:
        return reading
    grown = reading.tokens_since_start - before.tokens_since_start
    return reading if grown < 0 else replace(reading, tokens_per_second=grown / (now - read_at))
