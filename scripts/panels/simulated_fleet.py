"""An hour of three servers with GPUs that nobody has to rent: the project's own meter under a made-up load.

Money, tokens and metrics come out of the same code that runs in a server; only the load and the driver's readings
are invented. `openmetrics()` is what a Prometheus would have scraped, for `promtool tsdb create-blocks-from`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from scripts.panels.replica import FLEET, SCRAPE_SECONDS, SECONDS, TICK_SECONDS, Replica
from vllm_costmeter.core.economics.throughput import rates_of
from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.meter import Meter, PhaseSplit, RequestWork
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.operations import START, Durations, Operation
from vllm_costmeter.core.meter.shares.tenants import ServerTenants, TenantAccounts
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.tenants.numbers import TenantNumbers
from vllm_costmeter.metering.server_meter import ChargingProcess, OwnCounts
from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.outputs.metrics.exposition import ServerFacts
from vllm_costmeter.outputs.metrics.prometheus import CollectorRegistry
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.models.packaged import named_model

REQUEST = RequestWork(180, 60, 128)
OPERATIONS = {START: Durations(1, 95.0)} | {
    Operation(kind, level): Durations(2, seconds)
    for kind, level, seconds in (("sleep", 1, 1.5), ("wake", 1, 4.0), ("sleep", 2, 1.0), ("wake", 2, 40.0))
}
"""Of a server that has slept at both levels: no server has more series of these."""


class Simulation:
    """One run of one server, from its start on."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.gpu = find_gpu(replica.gpu)
        self.now = 0
        self.totals = EngineTotals(engine_index=0)
        self.running_requests, self.asleep = 0, False
        self.joules = self.requests = 0.0
        self.finished: list[RequestWork] = []
        registry = CollectorRegistry()
        self.collector = LatestCollector(registry)
        own = OwnCounts(
            model_name=replica.model,
            engines=lambda: (self.totals,),
            ended=self.take_ended,
            errors=ErrorCounts(),
            operations=lambda: OPERATIONS,
        )
        names = TenantNumbers(len(replica.teams))
        self.tenants = [names.of(name) for name in replica.teams] or [0]
        tenants = ServerTenants(TenantAccounts(names.name), len(replica.teams)) if replica.teams else None
        self.process = ChargingProcess(
            own=own,
            meter=Meter(
                engine_indexes=(0,),
                gpus_per_engine=replica.gpus,
                price=replica.price,
                tenants=tenants,
                split=PhaseSplit(replica.work, rates_of(self.gpu, named_model("Llama 3.1 8B").model)),
            ),
            facts=self.facts,
            publish=self.collector.publish,
            gpus=self.gpus,
            tenants=tenants,
            monotonic_seconds=lambda: float(self.now),
            hour_of_day=lambda: 12,
        )

    def take_ended(self) -> Sequence[RequestWork]:
        taken, self.finished = self.finished, []
        return taken

    def facts(self) -> ServerFacts:
        predicted = self.replica.work.weight_bytes // self.replica.gpus
        return ServerFacts(
            self.replica.model,
            "0.1.0",
            "0.32.0",
            kv_cache_capacity_tokens=40_960,
            preflight_bytes={
                ("weights", "predicted"): predicted,
                ("weights", "actual"): predicted,
                ("kv_cache", "predicted"): 5 * GIB,
                ("kv_cache", "actual"): int(4.85 * GIB),
            },
        )

    def gpus(self) -> GpuReadings:
        busy = self.running_requests > 0
        total = self.gpu.as_gpu().memory_bytes
        used = int(0.91 * total) if not self.asleep else 2 * GIB
        watts = (self.gpu.tdp_watts or 0) * (0.87 if busy else 0.14)
        return GpuReadings(
            up=True,
            gpus=tuple(
                GpuReading(
                    label=str(gpu),
                    index=gpu,
                    uuid=f"GPU-{gpu}",
                    name=self.gpu.name,
                    memory_total_bytes=total,
                    memory_used_bytes=used,
                    process_memory_bytes=used - GIB // 2,
                    power_watts=watts,
                    utilization_ratio=0.93 if busy else 0.0,
                    energy_joules=self.joules,
                )
                for gpu in range(self.replica.gpus)
            ),
            read_monotonic_seconds=float(self.now),
        )

    def advance(self, second: int) -> None:
        """The load of one tick, then the meter's tick."""
        arrived = self.replica.requests_per_second(second) * TICK_SECONDS
        self.requests += arrived
        done = int(self.requests)
        self.requests -= done
        self.finished += [REQUEST._replace(tenant=self.tenants[at % len(self.tenants)]) for at in range(done)]
        busy_seconds = min(float(TICK_SECONDS), arrived * 0.9)
        computed, cached, generated = (tokens * done for tokens in REQUEST[:3])
        totals = self.totals
        self.totals = replace(
            totals,
            counts=totals.counts
            + StepCounts(
                prompt_computed_tokens=computed,
                prompt_cached_tokens=cached,
                generated_tokens=generated,
                prefilled_requests=done,
                steps=round(busy_seconds * 40),
                decode_steps=round(busy_seconds * 38),
                decode_context_tokens=round(busy_seconds * 38 * 300 * max(1, done)),
            ),
            active_seconds=totals.active_seconds + busy_seconds,
            asleep_seconds=totals.asleep_seconds + (TICK_SECONDS if self.asleep else 0),
            kv_cache_usage_ratio=min(0.98, arrived / 55),
            last_token_unix_seconds=float(second) if done else totals.last_token_unix_seconds,
        )
        self.running_requests, self.asleep = done, second >= self.replica.sleeps_from
        self.joules += TICK_SECONDS * (self.gpu.tdp_watts or 0) * (0.87 if busy_seconds else 0.14)
        self.now += TICK_SECONDS
        self.process.tick()


def openmetrics(started_unix_seconds: int, fleet: Iterable[Replica] = FLEET) -> Iterator[str]:
    """Lines of OpenMetrics: what Prometheus would have stored over the hour from `started_unix_seconds` on."""
    for replica in fleet:
        simulation = Simulation(replica)
        for second in range(0, SECONDS + 1, TICK_SECONDS):
            if second == replica.restarts_at:
                simulation = Simulation(replica)
            if second < replica.comes_at:
                continue
            simulation.advance(second)
            if second % SCRAPE_SECONDS == 0:
                yield from _scraped(simulation, started_unix_seconds, second)
    yield "# EOF"


def _scraped(simulation: Simulation, started_unix_seconds: int, second: int) -> Iterator[str]:
    replica = simulation.replica
    target = {"job": "vllm", "instance": replica.instance, "cluster": replica.cluster}
    moment = started_unix_seconds + second
    yield _line("up", target, 1, moment)
    engine = {**target, "model_name": replica.model, "engine": "0"}
    usage = simulation.totals.kv_cache_usage_ratio or 0
    yield _line("vllm:num_requests_running", engine, simulation.running_requests, moment)
    yield _line("vllm:num_requests_waiting", engine, max(0, round(usage * 40) - 32), moment)
    yield _line("vllm:num_preemptions_total", engine, max(0, second - 1200) // 60 if usage else 0, moment)
    for family in simulation.collector.collect():
        for sample in family.samples:
            value = sample.value
            if sample.name == "costmeter_last_token_timestamp_seconds":
                value += started_unix_seconds
            yield _line(sample.name, {**target, **sample.labels}, value, moment)


def _line(name: str, labels: dict[str, str], value: float, unix_seconds: int) -> str:
    pairs = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{name}{{{pairs}}} {float(value)!r} {unix_seconds}"
