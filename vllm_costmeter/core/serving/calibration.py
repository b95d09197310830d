"""A measured server beside its estimate: one factor on the seconds of every step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.economics.bench_run import BenchRun
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.serving.load import Requests, in_flight
from vllm_costmeter.core.serving.placement import Placed
from vllm_costmeter.core.serving.step import Engine

SLOWEST, FASTEST = 5.0, 0.2
"""A factor beyond these says that another model, GPU or layout was measured."""
LEAST_WAVES = 4
"""Requests over concurrency: shorter runs consist of their beginning and end."""
ROUNDS = 40


@dataclass(frozen=True, slots=True)
class Calibration:
    """How much slower one deployment's steps are than estimated."""

    gpu: str
    model: str
    """The architecture and the parameters, not the name: "LlamaForCausalLM, 8030261248"."""
    quantization: str
    layout: tuple[int, int, int, bool]
    """Tensor, pipeline and data parallel size, expert parallelism."""
    slowdown: float
    """Measured over estimated seconds."""
    spread: float
    """Largest over smallest factor of the runs."""
    runs: int
    as_of: str

    @property
    def words(self) -> str:
        """ "calibrated by 3 runs of 2026-11-28: 1.12 times the estimated time"."""
        runs = f"{self.runs} run{'' if self.runs == 1 else 's'}"
        return f"calibrated by {runs} of {self.as_of}: {self.slowdown:.2f} times the estimated time"


def model_key(placed: Placed) -> tuple[str, str]:
    """(model, quantization) of a calibration."""
    model, args = placed.model, placed.engine_args
    return f"{model.architecture}, {model.parameters}", args.quantization or model.quantization or "none"


def layout_key(args: EngineArgs) -> tuple[int, int, int, bool]:
    """The layout of a calibration."""
    layout = args.layout
    sizes = layout.tensor_parallel_size, layout.pipeline_parallel_size, layout.data_parallel_size
    return *sizes, layout.enable_expert_parallel


def calibrated(placed: Placed, known: Sequence[Calibration], gpu: str) -> Placed:
    """`placed` with the newest factor of its own layout, else of another layout of the model on this GPU, which says
    something of the kernels but leaves the range as it is."""
    if not known:
        return placed
    model, quantization = model_key(placed)
    same = [each for each in known if (each.gpu, each.model, each.quantization) == (gpu, model, quantization)]
    own = [each for each in same if each.layout == layout_key(placed.engine_args)]
    chosen = (own or same)[-1:]
    if not chosen:
        return placed
    engine = replace(placed.engine, slowdown=chosen[0].slowdown, is_calibrated=bool(own))
    return replace(placed, engine=engine, calibrated_by=chosen[0].words)


def slowdown_of(placed: Placed, run: BenchRun) -> float:
    """The factor with which the estimate is this run's rate. BadInputError for a run that does not tell."""
    concurrency, prompt, output = (
        run.concurrency,
        run.prompt_tokens_per_request,
        run.output_tokens_per_request,
    )
    if concurrency is None or prompt is None or output is None or run.generated_tokens_per_second is None:
        raise BadInputError(
            f"{run.place} states no concurrency or no lengths: measure with `vllm bench serve --max-concurrency 32`"
        )
    if run.keeps_up and math.isfinite(run.offered_requests_per_second or math.inf):
        raise BadInputError(
            f"{run.place}: the server kept up with the rate asked of it: give runs without --request-rate"
        )
    if run.completed < LEAST_WAVES * concurrency:
        raise BadInputError(
            f"{run.place}: {run.completed} requests, {concurrency:g} at once, are mostly beginning and end: send "
            f"{math.ceil(LEAST_WAVES * concurrency)} or more"
        )
    requests = Requests(prompt, output)
    room = placed.room(requests.mean_context)
    low, high = FASTEST, SLOWEST
    for _ in range(ROUNDS):
        middle = math.sqrt(low * high)
        if (
            _rate(replace(placed.engine, slowdown=middle), requests, concurrency, room)
            > run.generated_tokens_per_second
        ):
            low = middle
        else:
            high = middle
    found = math.sqrt(low * high)
    if not FASTEST * 1.05 < found < SLOWEST / 1.05:
        estimate = _rate(placed.engine, requests, concurrency, room)
        raise BadInputError(
            f"{run.place}: {run.generated_tokens_per_second:,.0f} tok/s, estimated {estimate:,.0f}: another model, "
            "GPU or layout was measured"
        )
    return found


def _rate(engine: Engine, requests: Requests, concurrency: float, room: int) -> float:
    copies = engine.layout.data_parallel_size
    found = in_flight(engine, requests, max(1.0, concurrency / copies), room)
    return found.requests_per_second * requests.output_tokens * min(copies, concurrency)


def calibration_of(placed: Placed, gpu: str, runs: Sequence[BenchRun], as_of: str) -> Calibration:
    """The median factor of several runs."""
    factors = [slowdown_of(placed, run) for run in runs]
    model, quantization = model_key(placed)
    return Calibration(
        gpu=gpu,
        model=model,
        quantization=quantization,
        layout=layout_key(placed.engine_args),
        slowdown=median(factors),
        spread=max(factors) / min(factors),
        runs=len(factors),
        as_of=as_of,
    )
