"""The thread that ticks once a second."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable


class Sampler:
    """Calls `tick` every `interval_seconds` on a daemon thread until stopped. If a tick raises, `on_error` is called
    and ticking continues.

    Ticks follow a fixed grid of the monotonic clock; after a stall, missed ticks are skipped.
    """

    def __init__(
        self,
        tick: Callable[[], None],
        on_error: Callable[[Exception], None],
        *,
        interval_seconds: float = 1.0,
        monotonic_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tick = tick
        self._on_error = on_error
        self._interval_seconds = interval_seconds
        self._monotonic_seconds = monotonic_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="costmeter-sampler", daemon=True)

    def start(self) -> None:
        """Start the thread; the first tick runs immediately."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """End the thread after one last tick, so that the last second is charged. Safe to call twice."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        ended = False
        while not ended:
            try:
                self._keep_to_grid()
                ended = True
            except Exception as error:  # noqa: BLE001 (a clock that failed: a new grid begins)
                self._tell(error)
                self._stopping.wait(self._interval_seconds)

    def _keep_to_grid(self) -> None:
        due = self._monotonic_seconds()
        while not self._stopping.is_set():
            self._safely()
            now = self._monotonic_seconds()
            due += self._interval_seconds
            if due <= now:
                due = now + self._interval_seconds
            self._stopping.wait(due - now)
        self._safely()

    def _safely(self) -> None:
        try:
            self._tick()
        except Exception as error:  # noqa: BLE001 (the meter never dies of one bad second)
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        with contextlib.suppress(Exception):
            self._on_error(error)
