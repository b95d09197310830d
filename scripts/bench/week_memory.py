"""What the meter holds after a simulated week: load by day and silence by night, eight GPUs, a scrape a minute.

Prints JSON: this process's resident bytes after each day. The clock is simulated and ticks every five seconds; meter,
hook, windows, histogram and page are the real ones.
"""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path

from scripts.bench.record_cost import busy_step
from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter import GpuRates, Meter, ModelWork, PhaseSplit
from vllm_costmeter.core.pricing.price import rental_price
from vllm_costmeter.metering.server_meter import ChargingProcess, OwnCounts
from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.outputs.metrics.exposition import ServerFacts
from vllm_costmeter.outputs.metrics.prometheus import CollectorRegistry
from vllm_costmeter.sources.vllm.step_stats import StepRecorder

GPUS = 8
DAY_SECONDS = 86_400
DAYS = 7
TICK_SECONDS = 5


class SimulatedServer:
    """Eight GPUs at 2.50 USD an hour and a clock that is told what time it is."""

    def __init__(self) -> None:
        self.now = 0.0
        self.counters = StepRecorder(0, now=0.0, capacity_tokens=500_000)
        self.registry = CollectorRegistry()
        own = OwnCounts(
            model_name="simulated",
            engines=lambda: [self.counters.totals(self.now)],
            ended=lambda: self.counters.take_ended(8192),
            errors=ErrorCounts(),
        )
        meter = Meter(
            engine_indexes=[0],
            gpus_per_engine=GPUS,
            price=rental_price(usd_per_gpu_hour=2.5, gpus=GPUS, source="flag"),
            split=PhaseSplit(ModelWork(70_000_000_000, 140_000_000_000, 327_680), GpuRates(989e12, 3.35e12)),
        )
        self.process = ChargingProcess(
            own=own,
            meter=meter,
            facts=lambda: ServerFacts("simulated", "0", "0.32.0"),
            publish=LatestCollector(self.registry).publish,
            gpus=self.gpus,
            monotonic_seconds=lambda: self.now,
            hour_of_day=lambda: int(self.now // 3600 % 24),
        )

    def gpus(self) -> GpuReadings:
        """Their counters run at 500 W."""
        joules = self.now * 500
        readings = (
            GpuReading(str(index), index, f"GPU-{index}", "NVIDIA H100 80GB HBM3", energy_joules=joules)
            for index in range(GPUS)
        )
        return GpuReadings(True, tuple(readings), self.now)

    def live_a_day(self) -> None:
        """Twelve hours with a step reported before each tick, then twelve of silence."""
        busy, began = busy_step(), self.now
        idle = type(busy[0])(num_running_reqs=0)
        for second in range(0, DAY_SECONDS, TICK_SECONDS):
            self.now = began + second + TICK_SECONDS
            if second < DAY_SECONDS // 2:
                self.counters.add_step(*busy, self.now)
            elif second == DAY_SECONDS // 2:
                self.counters.add_step(idle, None, self.now)
            self.process.tick()
            if second % 60 == 0:
                list(self.registry.collect())


def resident_bytes() -> int:
    """Of this process, once what nobody holds is freed."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Live and print."""
    server, held = SimulatedServer(), []
    for _ in range(DAYS):
        server.live_a_day()
        held.append(resident_bytes())
    print(json.dumps({"resident_bytes_by_day": held, "growth_bytes": held[-1] - held[0]}))


if __name__ == "__main__":
    main()
