"""vLLM's hook, a meter and the facts of a server, for tests of one second of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vllm_costmeter.core.meter import GpuRates, Meter, ModelWork, PhaseSplit, RequestWork
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.operations import Operations
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.pricing.price import rental_price
from vllm_costmeter.metering.own_counts import OwnCounts
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.outputs.metrics.exposition import ServerFacts

MODEL = {"model_name": "m"}
SERVED = EngineTotals(
    0,
    StepCounts(
        prompt_computed_tokens=100, generated_tokens=200, prefilled_requests=2, steps=70, decode_steps=60
    ),
)
"""Two requests of 50 prompt and 100 generated tokens each."""


@dataclass
class Hook:
    """Stands for vLLM's hook: engine totals and finished requests, and faults on demand."""

    engines: list[EngineTotals] = field(default_factory=lambda: [EngineTotals(0)])
    finished: list[RequestWork] = field(default_factory=list)
    broken: bool = False
    operations: Operations = field(default_factory=dict)

    def snapshots(self) -> Sequence[EngineTotals]:
        if self.broken:
            raise AttributeError("vLLM renamed a field")
        return list(self.engines)

    def take(self) -> Sequence[RequestWork]:
        taken, self.finished = self.finished, []
        return taken

    def own(self, errors: ErrorCounts) -> OwnCounts:
        return OwnCounts(
            model_name="m",
            engines=self.snapshots,
            ended=self.take,
            errors=errors,
            operations=lambda: self.operations,
        )


def meter() -> Meter:
    """One GPU at a dollar a second."""
    return Meter(
        engine_indexes=[0],
        gpus_per_engine=1,
        price=rental_price(usd_per_gpu_hour=3600, gpus=1, source="flag"),
        split=PhaseSplit(ModelWork(8_000_000_000, 16_000_000_000, 131_072), GpuRates(160e12, 1e12)),
    )


def facts() -> ServerFacts:
    return ServerFacts("m", "0.1.0", "0.32.0")
