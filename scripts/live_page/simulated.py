"""What the page's data would be after the simulated hour of `scripts/panels`: the project's own meter under a made-up
load, so that a picture shows a GPU that nobody has to rent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import vllm_costmeter
from scripts.panels.replica import FLEET, SECONDS, TICK_SECONDS, Replica
from scripts.panels.simulated_fleet import Simulation
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.page.columns import Sample
from vllm_costmeter.metering.live_page import LivePage
from vllm_costmeter.outputs.check.json import to_json
from vllm_costmeter.outputs.metrics.exposition import ServerFacts
from vllm_costmeter.outputs.metrics.status_json import samples_of
from vllm_costmeter.sources.catalogue.api_prices import chosen_api_price

STARTED = datetime(2026, 11, 2, 10, 0, tzinfo=UTC).timestamp()
MODEL = Path(__file__).resolve().parents[2] / "examples" / "models" / "llama-3.1-8b"


class WithApi(Simulation):
    """One server that is compared with an API, and whose memory was predicted by the check that its page shows."""

    def facts(self) -> ServerFacts:
        use = checked().per_gpu
        assert use is not None
        return replace(
            super().facts(),
            api_price=chosen_api_price("deepinfra", "Meta-Llama-3.1-8B-Instruct", ""),
            preflight_bytes={
                ("weights", "predicted"): use.weights_bytes,
                ("weights", "actual"): use.weights_bytes,
                ("kv_cache", "predicted"): use.kv_cache_available_bytes,
                ("kv_cache", "actual"): int(0.97 * use.kv_cache_available_bytes),
            },
        )


class Shown:
    """Simulated servers and their page."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        several = len(replicas) > 1
        self._running = [Simulation(replica) if several else WithApi(replica) for replica in replicas]
        self._named = several
        self.now = -float(TICK_SECONDS)
        self.page = LivePage(
            self._samples,
            instance="simulated",
            fit=lambda: None if several else json.dumps(fit()),
            monotonic_seconds=lambda: self.now,
            unix_seconds=lambda: STARTED + self.now,
            started_seconds=0.0,
        )

    def tick(self) -> None:
        """The next five seconds."""
        self.now += TICK_SECONDS
        for each in self._running:
            if each.replica.comes_at <= self.now:
                each.advance(int(self.now))
        self.page.note()

    def _samples(self) -> list[Sample]:
        return [
            Sample(sample.name, sample.labels | self._instance(each), sample.value)
            for each in self._running
            if each.replica.comes_at <= self.now
            for sample in samples_of(each.collector.latest())
        ]

    def _instance(self, simulation: Simulation) -> dict[str, str]:
        return {"instance": simulation.replica.instance} if self._named else {}


def simulated(replicas: Sequence[Replica] = FLEET[:1], seconds: int = SECONDS) -> dict[str, Any]:
    """The document of one server, or of an exporter with several."""
    shown = Shown(replicas)
    while shown.now < seconds:
        shown.tick()
    found: dict[str, Any] = json.loads(shown.page.data())
    return found


@cache
def checked() -> Fit:
    """Of that server before its start."""
    return vllm_costmeter.check(str(MODEL), gpu="RTX 4090", max_model_len=32_768)


def fit() -> dict[str, Any]:
    """The same as the page has it."""
    return to_json(checked())
