"""What the page's data would be after the simulated hour of `scripts/panels`: the project's own meter under a made-up
load, so that a picture shows a GPU that nobody has to rent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import vllm_costmeter
from scripts.panels.replica import FLEET, SECONDS, TICK_SECONDS, Replica
from scripts.panels.simulated_fleet import Simulation
from vllm_costmeter.core.page.columns import Sample
from vllm_costmeter.metering.live_page import LivePage
from vllm_costmeter.outputs.check.json import to_json
from vllm_costmeter.outputs.metrics.exposition import ServerFacts
from vllm_costmeter.outputs.metrics.status_json import samples_of
from vllm_costmeter.sources.catalogue.api_prices import chosen_api_price

STARTED = datetime(2026, 11, 2, 10, 0, tzinfo=UTC).timestamp()
MODEL = Path(__file__).resolve().parents[2] / "examples" / "models" / "llama-3.1-8b"


class WithApi(Simulation):
    """One server that is compared with an API."""

    def facts(self) -> ServerFacts:
        return replace(
            super().facts(), api_price=chosen_api_price("deepinfra", "Meta-Llama-3.1-8B-Instruct", "")
        )


def simulated(replicas: Sequence[Replica] = FLEET[:1], seconds: int = SECONDS) -> dict[str, Any]:
    """The document of one server, or of an exporter with several."""
    several = len(replicas) > 1
    running = [Simulation(replica) if several else WithApi(replica) for replica in replicas]
    now = 0.0

    def samples() -> list[Sample]:
        return [
            Sample(
                sample.name,
                {**sample.labels, **({"instance": each.replica.instance} if several else {})},
                sample.value,
            )
            for each in running
            if each.replica.comes_at <= now
            for sample in samples_of(each.collector.latest())
        ]

    page = LivePage(
        samples,
        instance="simulated",
        fit=lambda: None if several else json.dumps(fit()),
        monotonic_seconds=lambda: now,
        unix_seconds=lambda: STARTED + now,
    )
    for second in range(0, seconds + 1, TICK_SECONDS):
        now = float(second)
        for each in running:
            if each.replica.comes_at <= second:
                each.advance(second)
        page.note()
    found: dict[str, Any] = json.loads(page.data())
    return found


def fit() -> dict[str, Any]:
    """Of that server before its start."""
    return to_json(vllm_costmeter.check(str(MODEL), gpu="RTX 4090", max_model_len=32_768))
