"""An hour of three servers with GPUs that nobody has to rent: the project's own meter under a made-up load.

Money, tokens and metrics come out of the same code that runs in a server; only the load and the driver's readings
are invented. `openmetrics()` is what a Prometheus would have scraped, for `promtool tsdb create-blocks-from`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from vllm_costmeter.core.economics.throughput import rates_of
from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.meter import Meter, PhaseSplit, RequestWork
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.split.roofline import ModelWork
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.pricing.price import Price, owned_price, rental_price
from vllm_costmeter.metering.server_meter import ChargingProcess, OwnCounts
from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.outputs.metrics.exposition import ServerFacts
from vllm_costmeter.outputs.metrics.prometheus import CollectorRegistry
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.models.packaged import named_model

SECONDS, TICK_SECONDS, SCRAPE_SECONDS = 3600, 5, 15
REQUEST = RequestWork(180, 60, 128)


@dataclass(frozen=True)
class Replica:
    """One server: what it is, and how many requests a second it gets at a second of the hour."""

    instance: str
    cluster: str
    model: str
    gpus: int
    price: Price
    work: ModelWork
    requests_per_second: Callable[[int], float]
    gpu: str = "RTX 4090"
    restarts_at: int | None = None
    sleeps_from: int = SECONDS + 1
    comes_at: int = 0


def one_request_then_a_busy_hour(second: int) -> float:
    """A single request after two minutes, silence, and from ten minutes on a load that swells."""
    if second < 600:
        return 1 / TICK_SECONDS if 120 <= second < 120 + TICK_SECONDS else 0.0
    return 6 + 5 * math.sin((second - 600) / 500)


EIGHT = ModelWork(active_parameters=8_030_261_248, weight_bytes=16_060_522_496, kv_bytes_per_token=131_072)
SEVENTY = ModelWork(
    active_parameters=70_553_706_496, weight_bytes=141_107_412_992, kv_bytes_per_token=327_680
)
FLEET = (
    Replica(
        "gpu-1:8000",
        "eu-1",
        "llama-3.1-8b",
        1,
        rental_price(usd_per_gpu_hour=0.55, gpus=1, source="flag"),
        EIGHT,
        one_request_then_a_busy_hour,
    ),
    Replica(
        "gpu-2:8000",
        "us-1",
        "llama-3.1-8b",
        1,
        owned_price(
            purchase_usd=2000,
            lifetime_years=3,
            usd_per_kwh=0.15,
            pue=1.3,
            overhead_usd_per_month=40,
            gpus=1,
            source="file",
        ),
        EIGHT,
        lambda second: 2.0 if second % 900 < 600 else 0.0,
        restarts_at=2400,
        comes_at=300,
    ),
    Replica(
        "gpu-3:8000",
        "us-1",
        "llama-3.3-70b",
        4,
        rental_price(usd_per_gpu_hour=3.84, gpus=4, source="catalogue", as_of="2026-05-25"),
        SEVENTY,
        lambda second: 0.8 if second < 900 else 0.0,
        gpu="H100 SXM",
        sleeps_from=2700,
    ),
)


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
        )
        self.process = ChargingProcess(
            own=own,
            meter=Meter(
                engine_indexes=(0,),
                gpus_per_engine=replica.gpus,
                price=replica.price,
                split=PhaseSplit(replica.work, rates_of(self.gpu, named_model("Llama 3.1 8B").model)),
            ),
            facts=self.facts,
            publish=self.collector.publish,
            gpus=self.gpus,
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
        self.finished += [REQUEST] * done
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
