"""The thread that pushes metrics over OTLP, so that no receiver ever delays the meter or a scrape."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable

from vllm_costmeter.outputs.otlp.exporter import OtlpExporter
from vllm_costmeter.outputs.otlp.points import ScrapedFamily, Streams

QUIET_SECONDS = 600.0
"""A receiver that fails and recovers again and again has one line for each in this time."""
_NO_METRICS = re.compile(r"\b(404|405|415|501|UNIMPLEMENTED)\b")
"""How the exporters' messages tell a receiver without metrics, over HTTP and gRPC."""
LAST_PUSH_SECONDS = 2.0
"""How long the end of a server waits for the last push."""


class OtlpPusher:
    """Reads what /metrics shows every `interval_seconds` and pushes it. Values are cumulative: what could not be pushed
    is part of the next push, so nothing is queued."""

    def __init__(
        self,
        connect: Callable[[], OtlpExporter],
        scrape: Callable[[], Iterable[ScrapedFamily]],
        *,
        interval_seconds: float,
        on_fault: Callable[[], None],
        tell: Callable[[str], None],
        started_unix_nanoseconds: int,
        is_stated: bool = True,
        unix_nanoseconds: Callable[[], int] = time.time_ns,
    ) -> None:
        """`on_fault` is called for each push that fails; `tell` gets one line for a new reason and for its end.
        `is_stated`: whether the operator named this receiver for metrics. Otherwise one that takes no metrics at all,
        as Jaeger does, is left alone after its first refusal."""
        self._connect = connect
        self._scrape = scrape
        self._interval_seconds = interval_seconds
        self._on_fault = on_fault
        self._tell = tell
        self._may_lack_metrics = not is_stated
        self._unix_nanoseconds = unix_nanoseconds
        self._streams = Streams(started_unix_nanoseconds)
        self._exporter: OtlpExporter | None = None
        self._gave_up = False
        self._failing = False
        self._quiet_until = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="costmeter-otlp", daemon=True)

    def start(self) -> None:
        """Begin to push."""
        self._thread.start()

    def stop(self) -> None:
        """One last push, within limits: a receiver that hangs is left behind."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(LAST_PUSH_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(self._interval_seconds):
            self._push()
        if not self._gave_up:
            self._push()
        if self._exporter is not None:
            self._exporter.close()

    def _push(self) -> None:
        try:
            if self._exporter is None:
                self._exporter = self._connect()
            now = self._unix_nanoseconds()
            problem = self._exporter.send(self._streams.points(self._scrape(), now), now)
        except ImportError as fault:
            problem = f"OpenTelemetry is not installed ({fault}): pip install 'vllm-costmeter[otlp]'"
        except Exception as fault:  # noqa: BLE001 whatever fails here costs only this push
            problem = f"{type(fault).__name__}: {fault}"
        if problem is not None and self._may_lack_metrics and _NO_METRICS.search(problem):
            self._stopping.set()
            self._gave_up = True
            self._tell(f"the receiver of vLLM's traces takes no metrics ({problem}): none are pushed")
            return
        if problem is None:
            self._may_lack_metrics = False
        else:
            self._on_fault()
        self._report(problem)

    def _report(self, problem: str | None) -> None:
        failing = problem is not None
        if failing == self._failing or time.monotonic() < self._quiet_until:
            return
        self._failing = failing
        if failing:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
        self._tell(
            f"metrics could not be pushed over OTLP: {problem}; the next push carries them too"
            if failing
            else "metrics are pushed over OTLP again"
        )
