"""Throughput estimated without a server, and the limit that the hardware sets.

The estimate adds up the kernels of a step (`core.serving`); docs/serving.md has the error tables and the limits.
"""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.meter.split.model_work import model_work
from vllm_costmeter.core.meter.split.roofline import GpuRates, ModelWork, resource_seconds
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release
from vllm_costmeter.core.serving.load import Requests, Served, in_flight
from vllm_costmeter.core.serving.ranges import Range, rate_range
from vllm_costmeter.core.serving.step import Engine
from vllm_costmeter.core.serving.step_parts import StepParts


@dataclass(frozen=True, slots=True)
class Load:
    """Steady load on the server. BadInputError for a value below 1."""

    concurrency: int
    prompt_tokens: int
    output_tokens: int

    def __post_init__(self) -> None:
        for name, value, least in (
            ("--concurrency", self.concurrency, 1),
            ("--prompt-tokens", self.prompt_tokens, 1),
            ("--output-tokens", self.output_tokens, 1),
        ):
            if value < least:
                raise BadInputError(f"{name} must be at least {least}, got {value}")

    @property
    def requests(self) -> Requests:
        return Requests(self.prompt_tokens, self.output_tokens)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimated throughput of a model on GPUs under one load, all copies of the engine together."""

    load: Load
    concurrency: int
    """Requests that run at once: those asked for, or fewer if the KV cache is full."""
    copies: int
    """Engines that share the requests (`--data-parallel-size`)."""
    served: Served
    """One copy."""
    parts: StepParts
    """One decode step of one copy."""
    spread: Range
    """Measured over estimated rates."""
    floor_seconds_per_request: float
    """Lower bound of the time per request, from `floor_seconds`."""

    @property
    def busy_copies(self) -> int:
        """Copies that have a request."""
        return min(self.copies, self.concurrency)

    @property
    def generated_tokens_per_second(self) -> float:
        """Generated tokens per second of all requests together, with the time for prefill; never above the floor's."""
        rate = self.served.requests_per_second * self.busy_copies * self.load.output_tokens
        return min(rate, self.floor_tokens_per_second)

    @property
    def generated_range(self) -> tuple[float, float]:
        """Range that contained 80 % of the held-out measurements, never above `floor_tokens_per_second`."""
        low, high = self.spread.around(self.generated_tokens_per_second)
        return low, min(high, self.floor_tokens_per_second)

    @property
    def floor_tokens_per_second(self) -> float:
        """Upper bound of the rate on these GPUs, from `floor_seconds_per_request`."""
        return self.load.output_tokens / self.floor_seconds_per_request

    @property
    def prefill_tokens_per_second(self) -> float:
        """Prefill rate of all copies while nothing decodes."""
        return self.load.prompt_tokens / self.served.prefill_seconds * self.busy_copies

    @property
    def decode_tokens_per_second(self) -> float:
        """Decode rate of all requests together while nothing prefills."""
        return self.concurrency / self.decode_seconds_per_step

    @property
    def decode_seconds_per_step(self) -> float:
        """Of a step without prompts."""
        return self.served.step_seconds

    @property
    def limit(self) -> str:
        """The largest part of a decode step, or prompts if they take most of the time."""
        return "computing prompts" if self.served.prefill_share > 0.5 else self.parts.limit


def rates_of(gpu: GpuSpec, model: Model) -> GpuRates:
    """Dense FLOP/s at the model's compute precision, and bandwidth in bytes/s. BadInputError if unknown."""
    flops = gpu.fp8_flops_per_second if _in_fp8(gpu, model) else gpu.sixteen_bit_flops_per_second
    if not flops or not gpu.bandwidth_bytes_per_second:
        raise BadInputError(
            f"the catalogue lacks the compute rate or bandwidth of {gpu.name}: no estimate is possible"
        )
    return GpuRates(flops, gpu.bandwidth_bytes_per_second)


def second_hand_rates(gpu: GpuSpec, model: Model) -> tuple[str, ...]:
    """Names of the rates in `rates_of` that the catalogue has only from secondary sources."""
    sixteen_bit = "bf16_flops_per_second" if gpu.bf16_flops_per_second else "fp16_flops_per_second"
    flops = ("FP8 rate", "fp8_flops_per_second") if _in_fp8(gpu, model) else ("16-bit rate", sixteen_bit)
    used = (flops, ("bandwidth", "bandwidth_bytes_per_second"))
    return tuple(name for name, fact in used if not gpu.is_verified(fact))


def _in_fp8(gpu: GpuSpec, model: Model) -> bool:
    return model.quantization is not None and "fp8" in model.quantization and bool(gpu.fp8_flops_per_second)


def estimate(engine: Engine, load: Load, most_running: int, floor_seconds_per_request: float) -> Estimate:
    """Throughput of the copies of `engine`, each with room for `most_running` such requests."""
    copies = engine.layout.data_parallel_size
    each = max(1.0, load.concurrency / copies)
    found = in_flight(engine, load.requests, each, most_running)
    running = min(load.concurrency, round(found.running * min(copies, load.concurrency)))
    context = load.requests.mean_context
    return Estimate(
        load=load,
        concurrency=running,
        copies=copies,
        served=found,
        parts=engine.parts(found.running / engine.stages, context),
        spread=rate_range(engine),
        floor_seconds_per_request=floor_seconds_per_request,
    )


def least_seconds_per_request(
    model: Model, engine_args: EngineArgs, release: Release, gpu: GpuSpec, *, load: Load, running: int
) -> float:
    """Seconds per request below which no engine on these GPUs gets, all copies together, with `running` at once.

    BadInputError as `rates_of`.
    """
    layout = engine_args.layout
    copies = min(layout.data_parallel_size, running)
    rates = rates_of(gpu, model)
    known = (gpu.sixteen_bit_flops_per_second, gpu.fp8_flops_per_second, gpu.fp4_flops_per_second)
    work = model_work(model, engine_args, release)
    bound = replace(rates, fastest_flops_per_second=max(filter(None, known))).bound_for(work)
    fewer, more = divmod(running, copies)
    copies_with = {fewer + 1: more, fewer: copies - more}
    per_second = sum(
        busy / floor_seconds(work, bound, load, each) for each, busy in copies_with.items() if busy
    )
    return 1 / per_second / (layout.tensor_parallel_size * layout.pipeline_parallel_size)


def floor_seconds(work: ModelWork, rates: GpuRates, load: Load, running: int) -> float:
    """GPU seconds per request at 100 % of the limiting resource, with `running` requests in every step."""
    steps = load.output_tokens
    done = StepCounts(
        prompt_computed_tokens=load.prompt_tokens * running,
        prefilled_requests=running,
        generated_tokens=(steps + 1) * running,
        decode_steps=steps,
        decode_context_tokens=int(steps * running * (load.prompt_tokens + load.output_tokens / 2)),
        steps=steps,
    )
    needed = resource_seconds(work, rates, done)
    return max(needed.compute, needed.memory) / running
