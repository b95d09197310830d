"""Files between the API processes that cannot be written or read."""

from __future__ import annotations

from pathlib import Path

from hook_stand_in import MODEL, SERVED, Hook, facts, meter

from vllm_costmeter.core.meter.merge import EngineMerger
from vllm_costmeter.metering.server_meter import ChargingProcess, CountingProcess
from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.outputs.metrics.process_exchange import ProcessExchange
from vllm_costmeter.outputs.metrics.prometheus import CollectorRegistry


class FullDoor(ProcessExchange):
    """The exchange in a directory whose disk is full."""

    def _replace(self, file: Path, content: object) -> None:
        raise OSError(28, "No space left on device")


def test_the_process_that_charges_goes_on(tmp_path: Path) -> None:
    """It publishes though it can tell nobody its prices, and counts another's tokens though a third one's file is not
    ours. Each fault is counted."""
    errors, page = ErrorCounts(), CollectorRegistry()
    ProcessExchange(tmp_path, 1, 0.0).write_engines(5.0, [SERVED])
    (tmp_path / "costmeter_engines_2.json").write_text("{")
    charging = ChargingProcess(
        own=Hook().own(errors),
        meter=meter(),
        facts=facts,
        publish=LatestCollector(page).publish,
        exchange=FullDoor(tmp_path, 0, 0.0),
        merger=EngineMerger([0], 0.0),
        monotonic_seconds=lambda: 5.0,
    )
    charging.tick()
    assert page.get_sample_value("costmeter_price_usd_per_hour", {"component": "rental"}) == 3600
    assert charging.reading is not None
    assert charging.reading.tokens["generated"] == 200
    assert errors.counts()["exchange"] == 2


def test_another_process_publishes_its_own_counts(tmp_path: Path) -> None:
    """Though it cannot show them to the one that charges."""
    errors, page = ErrorCounts(), CollectorRegistry()
    own, door = Hook([SERVED]).own(errors), FullDoor(tmp_path, 1, 0.0)
    CountingProcess(own=own, exchange=door, publish=LatestCollector(page).publish).tick()
    assert page.get_sample_value("costmeter_tokens_total", {**MODEL, "kind": "generated"}) == 200
    assert errors.counts()["exchange"] == 1
