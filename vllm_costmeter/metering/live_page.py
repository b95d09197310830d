"""The data of a live page: kept by one thread, read by the page's."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable

import vllm_costmeter
from vllm_costmeter.core.page.columns import Sample, servers
from vllm_costmeter.core.page.history import History
from vllm_costmeter.core.page.pace import Pace
from vllm_costmeter.outputs.page.data import data_json, metrics_json

MOST_SERVERS = 16
"""Whose history is kept; of more, a page has the current values only."""


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
        self._histories: dict[str, History] = {}
        self._lock = threading.Lock()
        self._pace = Pace()
        self._rendered: tuple[float, str, dict[str, str]] | None = None

    def note(self) -> None:
        """Keep this moment if it is due; once a second."""
        uptime = self._monotonic_seconds() - self._started_seconds
        with self._lock:
            histories = self._histories.values()
            if histories and not any(history.is_due(uptime) for history in histories):
                return
            for server, values in servers(self._samples()).items():
                if (history := self._history(server)) is not None:
                    history.add(uptime, values)

    def data(self, instance: str = "", after_seconds: float = -1.0) -> bytes:
        """The JSON document: all moments for a page that has none of this instance, else those after its last one."""
        with self._lock:
            now = self._monotonic_seconds()
            refresh = self._pace.ask(now)
            if self._rendered is None or now - self._rendered[0] >= max(1.0, refresh / 10):
                self._rendered = (now, *self._render(now))
            rendered, metrics, rows = self._rendered
            is_new = instance != self._instance
            history = [
                (server, kept.columns, kept.rows(-1.0 if is_new else after_seconds), rows.get(server))
                for server, kept in self._histories.items()
            ]
            return data_json(
                version=vllm_costmeter.__version__,
                instance=self._instance,
                unix_seconds=self._unix_seconds() - (now - rendered),
                uptime_seconds=rendered - self._started_seconds,
                refresh_seconds=refresh,
                metrics=metrics,
                fit=self._fit() if is_new else None,
                history=history,
            )

    def _render(self, now: float) -> tuple[str, dict[str, str]]:
        """The metrics, and the current moment of each server."""
        samples, rows = list(self._samples()), {}
        for server, values in servers(samples).items():
            if (history := self._history(server)) is not None:
                rows[server] = history.row(now - self._started_seconds, values)
        return json.dumps(metrics_json(samples)), rows

    def _history(self, server: str) -> History | None:
        if server not in self._histories and len(self._histories) >= MOST_SERVERS:
            return None
        return self._histories.setdefault(server, History())
