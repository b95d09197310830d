"""The meter of an offline engine: charged once a second and at its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from vllm_costmeter.core.gpu.reading import GpuReadings
from vllm_costmeter.core.ledger.rows import Interval
from vllm_costmeter.core.ledger.usage import Usage, usage_of
from vllm_costmeter.core.meter import Meter, MeterReading, RequestWork
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.meter import NO_GPUS
from vllm_costmeter.metering.ledger_keeper import LedgerKeeper
from vllm_costmeter.metering.sampler import Sampler

MOST_ENDED_PER_TICK = 16_384


class CountedEngine(Protocol):
    """An offline engine whose steps can be counted (`sources.vllm.offline_engine`)."""

    def attach(self) -> None:
        """Begin."""

    def detach(self) -> None:
        """End."""

    def totals(self, now: float) -> EngineTotals:
        """So far."""

    def take_ended(self, most: int) -> Sequence[RequestWork]:
        """Requests that ended since the last call."""


class OfflineMeter:
    """From `start` to `stop`. Thread-safe; `usage` is always up to date with the last second."""

    def __init__(
        self,
        engine: CountedEngine,
        meter: Meter,
        on_fault: Callable[[Exception], None],
        gpus: Callable[[], GpuReadings] = lambda: NO_GPUS,
        ledger: LedgerKeeper | None = None,
    ) -> None:
        self._engine = engine
        self._meter = meter
        self._gpus = gpus
        self._ledger = ledger
        self._lock = threading.Lock()
        self._sampler = Sampler(self.tick, on_fault)
        self._started_seconds = time.monotonic()
        self.seconds = 0.0
        """From the start to the last tick."""
        self.reading: MeterReading | None = None

    @property
    def usage(self) -> Usage:
        """So far."""
        return Usage() if self.reading is None else usage_of(self.reading)

    def start(self) -> None:
        """Begin to charge. BadInputError if the engine is already running requests."""
        self._engine.attach()
        self._started_seconds = time.monotonic()
        self.tick()
        self._sampler.start()

    def stop(self) -> None:
        """Charge the rest. Safe to call twice."""
        self._sampler.stop()
        self._engine.detach()

    def tick(self) -> None:
        """Charge the time since the last tick."""
        with self._lock:
            ended = self._engine.take_ended(MOST_ENDED_PER_TICK)
            now = time.monotonic()
            totals = self._engine.totals(now)
            self.reading = self._meter.advance(
                now, [totals], self._gpus(), time.localtime().tm_hour, ended=ended
            )
            self.seconds = now - self._started_seconds
            if self._ledger is not None:
                self._ledger.note(Interval(self.usage, {}))
