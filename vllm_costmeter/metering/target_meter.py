"""The meter of a server that is only seen from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engines.engine import Engine
from vllm_costmeter.core.engines.sample import EngineSample
from vllm_costmeter.core.gpu.reading import GpuReadings, GpuSource
from vllm_costmeter.core.ledger.rows import Interval
from vllm_costmeter.core.ledger.usage import usage_of
from vllm_costmeter.core.meter import Meter, MeterReading
from vllm_costmeter.core.meter.meter import NO_GPUS
from vllm_costmeter.core.meter.outside import Outside, seen_from_outside, token_step
from vllm_costmeter.core.meter.scraped import LONGEST_GAP_SECONDS, ScrapedServer
from vllm_costmeter.metering.ledger_keeper import LedgerKeeper
from vllm_costmeter.outputs.metrics.exposition import Family, ServerFacts, process_families, server_families


class TargetMeter:
    """From the first page on. Thread-safe: `look` is called by the thread that reads the target, `tick` by another.

    The bill runs with the clock, whether or not the target answers: its GPUs are rented all the same.
    """

    def __init__(
        self,
        engine: Engine,
        first: EngineSample,
        meter: Callable[[ScrapedServer], Meter],
        *,
        facts: ServerFacts,
        now_seconds: float,
        unix_seconds: float,
        gpus: GpuSource | None = None,
        ledger: LedgerKeeper | None = None,
    ) -> None:
        self._engine = engine
        self._server = ScrapedServer(engine, first)
        self._meter = meter(self._server)
        self._facts = facts
        self._gpus = gpus
        self._ledger = ledger
        self._lock = threading.Lock()
        self._began_seconds = self._looked_seconds = self._now_seconds = now_seconds
        self._sample = first
        self._reading: MeterReading | None = None
        self._readings = NO_GPUS
        self.look(now_seconds, unix_seconds, first)

    def look(self, now_seconds: float, unix_seconds: float, sample: EngineSample) -> None:
        """The target's page now."""
        with self._lock:
            self._server.look(now_seconds, unix_seconds, sample)
            self._looked_seconds, self._sample = now_seconds, sample

    def tick(self, now_seconds: float, hour_of_day: int) -> None:
        """Charge the time since the last tick."""
        with self._lock:
            self._readings = NO_GPUS if self._gpus is None else _without_processes(self._gpus.latest())
            self._reading = self._meter.advance(
                now_seconds, self._server.totals(), self._readings, hour_of_day
            )
            self._now_seconds = max(self._now_seconds, now_seconds)
            if self._ledger is not None:
                self._ledger.note(Interval(usage_of(self._reading), {}))

    @property
    def model_name(self) -> str:
        """Of all its series."""
        return self._facts.model_name

    @property
    def unseen_seconds(self) -> float:
        """Charged as idle because nobody could see whether requests ran."""
        silent = self._now_seconds - self._looked_seconds
        return self._server.unseen_seconds + (silent if silent > LONGEST_GAP_SECONDS else 0.0)

    @property
    def restarts(self) -> int:
        """Of the engine's process."""
        return self._server.restarts

    def families(self, down: str | None) -> tuple[Family, ...]:
        """As of the last tick; `down`: the keyword for why the target is not read now."""
        with self._lock:
            if self._reading is None:
                return ()
            outside = self._outside()
            reading = seen_from_outside(self._reading, outside, self._now_seconds - self._began_seconds)
            facts = replace(
                self._facts,
                kv_cache_capacity_tokens=self._sample.kv_capacity_tokens,
                api_price=self._facts.api_price if outside.tells_cached else None,
            )
            return (
                *server_families(facts, reading, self._readings, self._sources(reading, down)),
                *process_families(facts.model_name, reading.tokens, None, None, {}),
            )

    def close(self) -> None:
        """Write the rest to the ledger."""
        if self._ledger is not None:
            self._ledger.stop()

    def _outside(self) -> Outside:
        counts = self._sample.engines
        largest = max(max(each.prompt_tokens or 0.0, each.generated_tokens or 0.0) for each in counts)
        return Outside(
            self._server.tells_cached,
            self._engine.prompt_includes_cached,
            token_step(largest, self._engine.significant_digits),
        )

    def _sources(self, reading: MeterReading, down: str | None) -> dict[str, str | None]:
        sources = {"price": None if reading.price is not None else "no_price", "engine": down}
        if self._gpus is not None and (place := self._readings.source) is not None:
            sources[place] = None if self._readings.up else self._readings.reason
        if reading.charges_energy:
            sources["energy"] = reading.energy_problem
        if self._ledger is not None:
            sources["ledger"] = self._ledger.problem
        return sources


def _without_processes(readings: GpuReadings) -> GpuReadings:
    """Which processes are the engine's is not known here."""
    gpus = tuple(replace(gpu, process_memory_bytes=None) for gpu in readings.gpus)
    return replace(readings, gpus=gpus)
