"""The estimate of one parallel layout, to choose the best of several."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.throughput import Estimate, Load, estimate, least_seconds_per_request
from vllm_costmeter.core.fit.result import Verdict
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.serving.placement import Placed

_BEST_FIRST: tuple[Verdict, ...] = ("fits", "tight", "unknown", "refused")


@dataclass(frozen=True, slots=True)
class EstimatedLayout:
    """A layout, whether it fits, and how fast it would be."""

    placed: Placed
    estimate: Estimate

    def preference(self) -> tuple[int, float]:
        """Greater is better: the verdict, then the rate."""
        verdict = -_BEST_FIRST.index(self.placed.fit.verdict)
        return verdict, self.estimate.generated_tokens_per_second


def estimated_layout(placed: Placed, model: Model, gpu: GpuSpec, load: Load) -> EstimatedLayout:
    """`placed` under `load`, which its copies share evenly."""
    args, requests = placed.engine_args, load.requests
    room = placed.room(requests.mean_context)
    running = min(load.concurrency, room * args.layout.data_parallel_size)
    release = placed.fit.engine.release
    floor = least_seconds_per_request(model, args, release, gpu, load=load, running=running)
    return EstimatedLayout(placed, estimate(placed.engine, load, room, floor))
