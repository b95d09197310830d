"""One second of a server's meter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hook_stand_in import MODEL, SERVED, Hook, facts, meter
from ledgers import NOON, SERIES

from vllm_costmeter.core.gpu.reading import GpuReadings
from vllm_costmeter.core.meter import RequestWork
from vllm_costmeter.core.meter.activity import EngineEvent
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.merge import EngineMerger
from vllm_costmeter.core.meter.operations import START, Durations, Operation
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.metering.ledger_keeper import LedgerKeeper
from vllm_costmeter.metering.server_meter import ChargingProcess, CountingProcess
from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.outputs.metrics.multiprocess import MultiprocessPublisher
from vllm_costmeter.outputs.metrics.process_exchange import ProcessExchange
from vllm_costmeter.outputs.metrics.prometheus import CollectorRegistry, MultiProcessCollector
from vllm_costmeter.sources.ledger.read import opened_ledger


class SingleServer:
    """A charging process with a fake hook and clock, and a registry to scrape."""

    def __init__(self) -> None:
        self.hook, self.errors, self.now = Hook(), ErrorCounts(), 0.0
        self.registry = CollectorRegistry()
        self.gpus_fail = self.clock_fails = False
        self.collector = LatestCollector(self.registry)
        self.process = ChargingProcess(
            own=self.hook.own(self.errors),
            meter=meter(),
            facts=facts,
            publish=self.collector.publish,
            gpus=self.gpus,
            monotonic_seconds=self.monotonic_seconds,
            hour_of_day=lambda: 0,
        )

    def monotonic_seconds(self) -> float:
        if self.clock_fails:
            raise OSError("no clock")
        return self.now

    def gpus(self) -> GpuReadings:
        if self.gpus_fail:
            raise OSError("driver gone")
        return GpuReadings(up=True)

    def tick(self, now: float) -> None:
        self.now = now
        self.process.tick()

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def test_a_request_is_priced_by_the_active_money_of_its_second() -> None:
    """One request alone in one active second of a dollar costs the dollar."""
    server = SingleServer()
    server.tick(0.0)
    server.hook.engines = [
        EngineTotals(
            0,
            StepCounts(
                prompt_computed_tokens=1000,
                prompt_cached_tokens=50,
                generated_tokens=100,
                prefilled_requests=1,
                steps=100,
                decode_steps=99,
            ),
            active_seconds=1.0,
        )
    ]
    server.hook.finished = [RequestWork(1000, 50, 100)]
    server.tick(1.0)
    assert server.value("costmeter_request_cost_usd_count", **MODEL) == 1
    assert server.value("costmeter_request_cost_usd_sum", **MODEL) == pytest.approx(1.0)
    assert server.value("costmeter_tokens_total", **MODEL, kind="prompt_cached") == 50


def test_a_hook_that_breaks_costs_no_money_and_no_tokens() -> None:
    """Time is charged as idle, the last counts stand, the engine is shown down and the fault is counted."""
    server = SingleServer()
    server.tick(0.0)
    server.hook.engines = [
        EngineTotals(
            0,
            StepCounts(
                prompt_computed_tokens=10,
                prompt_cached_tokens=0,
                generated_tokens=5,
                prefilled_requests=1,
                steps=5,
            ),
        )
    ]
    server.tick(1.0)
    server.hook.broken = True
    server.tick(11.0)
    assert server.value(
        "costmeter_cost_usd_total", **MODEL, state="idle", component="rental"
    ) == pytest.approx(11)
    assert server.value("costmeter_tokens_total", **MODEL, kind="generated") == 5
    assert server.value("costmeter_source_up", source="engine") == 0
    assert server.value("costmeter_errors_total", where="engine") == 1


def test_a_driver_that_raises_costs_only_its_own_metrics() -> None:
    """Money goes on and nvml is shown down."""
    server = SingleServer()
    server.gpus_fail = True
    server.tick(0.0)
    server.tick(5.0)
    assert server.value(
        "costmeter_cost_usd_total", **MODEL, state="idle", component="rental"
    ) == pytest.approx(5)
    assert server.value("costmeter_source_up", source="nvml") == 0


def test_a_scrape_is_charged_to_its_own_moment() -> None:
    """Between two ticks the bill and the tokens are those of the scrape, and the next tick charges only the rest."""
    server = SingleServer()
    server.collector.before_scrape = lambda page: server.process.refresh()
    server.tick(0.0)
    idle = {**MODEL, "state": "idle", "component": "rental"}
    server.now, server.hook.engines = 0.25, [EngineTotals(0, StepCounts(generated_tokens=3, steps=1))]
    assert server.value("costmeter_cost_usd_total", **idle) == pytest.approx(0.25)
    assert server.value("costmeter_tokens_total", **MODEL, kind="generated") == 3
    server.now = 0.75
    assert server.value("costmeter_cost_usd_total", **idle) == pytest.approx(0.75)
    server.tick(1.0)
    assert server.value("costmeter_cost_usd_total", **idle) == pytest.approx(1.0)


def test_a_scrape_never_fails_and_never_waits_long() -> None:
    """A fault is counted and the last page stands; while a tick hangs, the scrape does not."""
    server = SingleServer()
    server.tick(0.0)
    server.clock_fails = True
    server.process.refresh()
    server.clock_fails = False
    server.process._one_at_a_time.acquire()
    server.process.refresh()
    server.process._one_at_a_time.release()
    server.tick(2.0)
    assert server.value("costmeter_errors_total", where="scrape") == 1
    assert server.value(
        "costmeter_cost_usd_total", **MODEL, state="idle", component="rental"
    ) == pytest.approx(2)


def test_a_start_and_a_wake_up_are_in_the_ledger(tmp_path: Path) -> None:
    """Each once, however often the meter ticks."""
    server, wake = SingleServer(), Operation("wake", 2)
    keeper = LedgerKeeper(tmp_path / "ledger.sqlite3", SERIES, print, unix_seconds=lambda: NOON + server.now)
    server.process._ledger = keeper
    server.hook.operations = {START: Durations(1, 95.0)}
    for second in (0.0, 1.0, 61.0, 62.0):
        if second > 60:
            server.hook.operations = {START: Durations(1, 95.0), wake: Durations(1, 40.0)}
        server.tick(second)
        keeper.write()
    keeper.stop()
    with opened_ledger(keeper.path) as ledger:
        assert set(ledger.operations(NOON, NOON + 60)) == {("m", START, Durations(1, 95.0))}
        assert set(ledger.operations(NOON + 60, NOON + 120)) == {("m", wake, Durations(1, 40.0))}


def test_three_api_processes_make_one_bill(tmp_path: Path) -> None:
    """Tokens and requests of all add up, the second in which any of them saw work is active, dollars are charged
    once, and a request costs the same whichever process served it."""
    now, errors = [0.0], ErrorCounts()
    hooks = [Hook() for _ in range(3)]
    doors = [ProcessExchange(tmp_path, rank, 0.0) for rank in range(3)]
    charging = ChargingProcess(
        own=hooks[0].own(errors),
        meter=meter(),
        facts=facts,
        publish=MultiprocessPublisher(tmp_path, 0).publish,
        exchange=doors[0],
        merger=EngineMerger([0], 0.0),
        monotonic_seconds=lambda: now[0],
        hour_of_day=lambda: 0,
    )
    counting = [
        CountingProcess(
            own=hooks[rank].own(ErrorCounts()),
            exchange=doors[rank],
            publish=MultiprocessPublisher(tmp_path, rank).publish,
            monotonic_seconds=lambda: now[0],
        )
        for rank in (1, 2)
    ]

    def tick(seconds: float) -> None:
        now[0] = seconds
        for process in (*counting, charging, *counting):
            process.tick()

    tick(0.0)
    wake = Operation("wake", 1)
    hooks[0].operations = {START: Durations(1, 95.0)}
    hooks[1].operations = {START: Durations(1, 96.0), wake: Durations(1, 2.0)}
    hooks[2].operations = {wake: Durations(2, 3.0)}
    for rank, hook in enumerate(hooks):
        running = 2 - rank
        hook.engines = [
            replace(
                SERVED,
                observed_monotonic_seconds=1.0 + rank,
                events=(EngineEvent(1.0 + rank, "step", running),),
            )
        ]
        hook.finished = [RequestWork(50, 0, 100), RequestWork(50, 0, 100)]
    for second in range(1, 11):
        tick(float(second))
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(tmp_path))  # type: ignore[no-untyped-call]

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("costmeter_tokens_total", **MODEL, kind="generated") == 600
    active = value("costmeter_cost_usd_total", **MODEL, state="active", component="rental")
    assert active == pytest.approx(2.0)
    assert value("costmeter_cost_usd_total", **MODEL, state="idle", component="rental") == pytest.approx(8.0)
    assert value("costmeter_request_cost_usd_count", **MODEL) == 6
    assert value("costmeter_errors_total", where="sampler") == 0
    assert value("costmeter_start_seconds", **MODEL) == 95.0
    woken = {**MODEL, "operation": "wake", "level": "1"}
    assert value("costmeter_sleep_operations_total", **woken) == 3
    assert value("costmeter_sleep_operation_seconds_total", **woken) == 5.0
