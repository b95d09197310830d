"""The data of a live page: kept by one thread, read by the page's."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable

import vllm_costmeter
from vllm_costmeter.core.page.columns import Sample, moment
from vllm_costmeter.core.page.history import History
from vllm_costmeter.core.page.pace import Pace
from vllm_costmeter.outputs.page.data import data_json, metrics_json

MOST_ANSWERS = 4
"""Kept for pages that ask the same in the same second; of sixteen servers one may have 3 MB."""


class LivePage:
    """`samples`: what /metrics shows, as of the last second. `instance`: the same for all processes of one server and
    no other. Thread-safe."""

    def __init__(
        self,
        samples: Callable[[], Iterable[Sample]],
        *,
        instance: str,
        fit: Callable[[], str | None] = lambda: None,
        monotonic_seconds: Callable[[], float] = time.monotonic,
        unix_seconds: Callable[[], float] = time.time,
        started_seconds: float | None = None,
    ) -> None:
        """`fit`: the check of this server as JSON, if there is one."""
        self._samples = samples
        self._instance = instance
        self._fit = fit
        self._monotonic_seconds = monotonic_seconds
        self._unix_seconds = unix_seconds
        self._started_seconds = monotonic_seconds() if started_seconds is None else started_seconds
        self._history = History()
        self._lock = threading.Lock()
        self._pace = Pace()
        self._rendered: tuple[float, str, str] | None = None
        self._answers: dict[float | None, bytes] = {}
        """Of what is rendered now, by the last moment that a page knew."""

    def note(self) -> None:
        """Keep this moment if it is due; once a second."""
        uptime = self._monotonic_seconds() - self._started_seconds
        with self._lock:
            if self._history.is_due(uptime):
                self._history.add(uptime, moment(self._samples()))

    def data(self, instance: str = "", after_seconds: float = -1.0) -> bytes:
        """The JSON document: all moments for a page that has none of this instance, else those after its last one."""
        with self._lock:
            now = self._monotonic_seconds()
            refresh = self._pace.ask(now)
            if self._rendered is None or now - self._rendered[0] >= max(1.0, refresh / 10):
                self._rendered = (now, *self._render(now))
                self._answers.clear()
            after = None if instance != self._instance else after_seconds
            if after not in self._answers:
                if len(self._answers) >= MOST_ANSWERS:
                    self._answers.clear()
                self._answers[after] = self._answer(*self._rendered, after, refresh)
            return self._answers[after]

    def _answer(self, rendered: float, metrics: str, row: str, after: float | None, refresh: float) -> bytes:
        """`after` None: for a page that knows nothing of this instance."""
        return data_json(
            version=vllm_costmeter.__version__,
            instance=self._instance,
            unix_seconds=self._unix_seconds() - (self._monotonic_seconds() - rendered),
            uptime_seconds=rendered - self._started_seconds,
            refresh_seconds=refresh,
            metrics=metrics,
            fit=self._fit() if after is None else None,
            columns=self._history.columns,
            rows=(*self._history.rows(-1.0 if after is None else after), row),
        )

    def _render(self, now: float) -> tuple[str, str]:
        """The metrics, and the current moment."""
        samples = list(self._samples())
        row = self._history.row(now - self._started_seconds, moment(samples))
        return json.dumps(metrics_json(samples), separators=(",", ":")), row
