"""Throughput estimated without a server: a roofline with fitted efficiency, prefill and decode separately.

The constants were fitted to 211 published measurements of vLLM on H100 and A100; docs/economics.md has the
error table and the limits of the estimate.
"""

from __future__ import annotations

import math

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.meter.split.model_work import model_work
from vllm_costmeter.core.meter.split.roofline import GpuRates, ModelWork, resource_seconds
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release


@dataclass(frozen=True, slots=True)
class Slowness:
    """Costs beyond the roofline. A request's seconds are linear in each of them, so they can be fitted."""

    memory: float
    """Factor on the seconds at the published bandwidth."""
    compute: float
    """Factor on the seconds at the dense rate."""
    seconds_per_layer: float
    """Fixed time of one layer's kernels per step, whatever the batch size."""
    seconds_per_expert_layer: float
    """Additional fixed time of a mixture-of-experts layer."""
    seconds_per_shared_layer: float
    """Latency of the all-reduce of one layer, per doubling of the number of GPUs."""
    seconds_per_exchanged_byte: float
    """Per byte of a token's hidden state and layer split over several GPUs; NVLink and PCIe alike."""
    seconds_per_routed_byte: float
    """Per byte of a token's hidden state, per layer and expert that the token is routed to."""
    seconds_per_sequence: float
    """Sampling, detokenization and bookkeeping of one sequence in one step."""


FITTED = Slowness(
    memory=1.11,  # fitted 2026-11 by scripts/accuracy/estimate_fit.py to the runs named in docs/economics.md
    compute=1.74,  # same fit
    seconds_per_layer=33e-6,  # same fit
    seconds_per_expert_layer=77e-6,  # same fit
    seconds_per_shared_layer=32e-6,  # same fit
    seconds_per_exchanged_byte=1 / 43e9,  # same fit
    seconds_per_routed_byte=1 / 138e9,  # same fit
    seconds_per_sequence=43e-6,  # same fit
)
LOW, HIGH = 0.79, 1.25  # 80 % of measurements lie within, each model left out of the fit in turn; same fit


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


@dataclass(frozen=True, slots=True)
class Estimate:
    """Throughput of the whole deployment under a load."""

    load: Load
    concurrency: int
    """Requests that run concurrently: as in `load`, or fewer if the KV cache limits them."""
    prefill_seconds_per_request: float
    decode_seconds_per_step: float
    floor_seconds_per_request: float
    """Seconds per request at 100 % of the limiting resource."""
    weights_seconds: float
    """With the next three, the parts of a decode step: reading weights, reading KV, computing, the rest."""
    kv_seconds: float
    compute_seconds: float
    overhead_seconds: float

    @property
    def seconds_per_request(self) -> float:
        """Seconds of server time per request; concurrent requests share each step."""
        decode = self.load.output_tokens * self.decode_seconds_per_step / self.concurrency
        return self.prefill_seconds_per_request + decode

    @property
    def generated_tokens_per_second(self) -> float:
        """Generated tokens per second of all requests together, with the time for prefill."""
        return self.load.output_tokens / self.seconds_per_request

    @property
    def generated_range(self) -> tuple[float, float]:
        """Range that contained 80 % of the measurements, never above `floor_tokens_per_second`."""
        rate = self.generated_tokens_per_second
        return rate * LOW, min(rate * HIGH, max(rate, self.floor_tokens_per_second))

    @property
    def floor_tokens_per_second(self) -> float:
        """Upper bound of the rate on these GPUs, from `floor_seconds_per_request`."""
        return self.load.output_tokens / self.floor_seconds_per_request

    @property
    def prefill_tokens_per_second(self) -> float:
        """Prefill rate while nothing decodes."""
        return self.load.prompt_tokens / self.prefill_seconds_per_request

    @property
    def decode_tokens_per_second(self) -> float:
        """Decode rate of all requests together while nothing prefills."""
        return self.concurrency / self.decode_seconds_per_step

    @property
    def limit(self) -> str:
        """The largest part of a decode step."""
        parts = {
            "reading weights": self.weights_seconds,
            "reading KV cache": self.kv_seconds,
            "computing": self.compute_seconds,
            "launching and exchanging": self.overhead_seconds,
        }
        return max(parts, key=lambda name: parts[name])


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


def estimate(
    model: Model,
    engine_args: EngineArgs,
    release: Release,
    rates: GpuRates,
    load: Load,
    *,
    gpus: int = 1,
    most_running: int | None = None,
    slowness: Slowness = FITTED,
) -> Estimate:
    """Estimated throughput of `gpus` GPUs with these `rates` each.

    `most_running` is the number of such requests that fit in the KV cache; None: no limit.
    """
    work = model_work(model, engine_args, release)
    running = load.concurrency if most_running is None else max(1, min(load.concurrency, most_running))
    per_byte = slowness.memory / (rates.memory_bytes_per_second * gpus)
    per_flop = slowness.compute / (rates.flops_per_second * gpus)
    layers = model.sizes.num_hidden_layers
    hidden_bytes = layers * model.sizes.hidden_size * 2
    context = load.prompt_tokens + load.output_tokens / 2
    per_step = layers * (slowness.seconds_per_layer + slowness.seconds_per_shared_layer * math.log2(gpus))
    per_token = hidden_bytes * slowness.seconds_per_exchanged_byte if gpus > 1 else 0.0
    if work.experts:
        per_step += layers * slowness.seconds_per_expert_layer
        per_token += hidden_bytes * work.experts_per_token * slowness.seconds_per_routed_byte
    weights_seconds = work.bytes_per_step(running) * per_byte
    kv_seconds = running * context * work.kv_bytes_per_token * per_byte
    compute_seconds = running * 2 * work.active_parameters * per_flop
    overhead = per_step + running * (per_token + slowness.seconds_per_sequence)
    attention = 2 * work.attention_width * load.prompt_tokens
    prefill = load.prompt_tokens * ((2 * work.active_parameters + attention) * per_flop + per_token)
    return Estimate(
        load=load,
        concurrency=running,
        prefill_seconds_per_request=prefill,
        decode_seconds_per_step=weights_seconds + kv_seconds + compute_seconds + overhead,
        floor_seconds_per_request=floor_seconds(work, rates, load, running) / gpus,
        weights_seconds=weights_seconds,
        kv_seconds=kv_seconds,
        compute_seconds=compute_seconds,
        overhead_seconds=overhead,
    )


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
