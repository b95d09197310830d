"""The time that a GPU at its published rates would take for prefill and for decode."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.meter.step_counts import StepCounts


@dataclass(frozen=True, slots=True)
class ModelWork:
    """The work of one token, over all ranks of one engine."""

    active_parameters: int
    """Parameters used for one token (for mixture-of-experts layers, only the selected experts)."""
    weight_bytes: int
    """Bytes of all weights except the routed experts; every step reads them once."""
    kv_bytes_per_token: float
    """KV cache bytes per token of context, of all layers that read the whole context."""
    expert_weight_bytes: int = 0
    """Bytes of all routed experts, all layers; a step reads those that its tokens select."""
    experts: int = 0
    experts_per_token: int = 0
    attention_width: int = 0
    """Sum over layers of query heads x head size: scores and values cost 4 x width FLOPs per context token."""
    kv_windows: tuple[tuple[float, float], ...] = ()
    """Of the layers that read no more than a window of the context: its tokens, and bytes per token."""
    state_bytes: float = 0.0
    """Of all recurrent states of one sequence, which each of its decode steps reads."""
    is_quantized: bool = False
    """Whether its matrices may be multiplied in fewer than 16 bits."""

    def __post_init__(self) -> None:
        if self.active_parameters <= 0 or self.weight_bytes <= 0:
            raise ValueError("a model's work needs parameters and weight bytes above 0")

    def kv_bytes(self, context_tokens: float, tokens: int) -> float:
        """Bytes that the decode steps of `tokens` tokens read of contexts of `context_tokens` together, each taken as
        long as their mean."""
        mean = context_tokens / tokens
        windows = sum(min(mean, window) * each for window, each in self.kv_windows)
        return context_tokens * self.kv_bytes_per_token + tokens * (windows + self.state_bytes)

    def bytes_per_step(self, tokens_per_step: float) -> float:
        """Weight bytes that one step over `tokens_per_step` tokens reads.

        With k of E experts selected per token, an expert is not selected by any of B tokens with probability
        (1 - k/E)^B (uniform routing).
        """
        if not self.experts:
            return float(self.weight_bytes)
        untouched: float = (1 - self.experts_per_token / self.experts) ** tokens_per_step
        return self.weight_bytes + self.expert_weight_bytes * (1 - untouched)


@dataclass(frozen=True, slots=True)
class GpuRates:
    """One GPU's dense FLOPs and memory bytes per second; only their ratio affects the split."""

    flops_per_second: float
    memory_bytes_per_second: float
    assumed: bool = False
    """True if the GPU is unknown and a typical ratio is used."""
    fastest_flops_per_second: float | None = None
    """In the narrowest format the GPU supports; None: not faster than `flops_per_second`."""

    def bound_for(self, model: ModelWork) -> GpuRates:
        """Rates that this model never exceeds: a quantized model may run at the GPU's fastest format."""
        if not model.is_quantized or self.fastest_flops_per_second is None:
            return self
        return replace(self, flops_per_second=max(self.flops_per_second, self.fastest_flops_per_second))


GENERIC_CPU = GpuRates(
    flops_per_second=7.3e12,  # 60 cores x 1.9 GHz x 64 FP32 FLOPs (two AVX-512 FMA), Intel ark, 8490H, 2023-01
    memory_bytes_per_second=307e9,  # 8 channels DDR5-4800, Intel ark, 8490H, 2023-01
    assumed=True,
)


@dataclass(frozen=True, slots=True)
class RooflineSeconds:
    """GPU seconds at 100 % of the limiting resource of each phase. Their ratio is the split."""

    prefill: float
    decode: float


@dataclass(frozen=True, slots=True)
class ResourceSeconds:
    """GPU seconds that each phase needs of each resource at 100 %."""

    prefill_compute: float
    prefill_memory: float
    decode_compute: float
    decode_memory: float

    @property
    def compute(self) -> float:
        """Of both phases together: a lower bound by compute."""
        return self.prefill_compute + self.decode_compute

    @property
    def memory(self) -> float:
        """Of both phases together: a lower bound by memory."""
        return self.prefill_memory + self.decode_memory


def roofline_seconds(model: ModelWork, rates: GpuRates, counts: StepCounts) -> RooflineSeconds:
    """max(compute, memory) for each phase."""
    needed = resource_seconds(model, rates, counts)
    return RooflineSeconds(
        prefill=max(needed.prefill_compute, needed.prefill_memory),
        decode=max(needed.decode_compute, needed.decode_memory),
    )


def resource_seconds(model: ModelWork, rates: GpuRates, counts: StepCounts) -> ResourceSeconds:
    """Prefill: 2 x active parameters FLOPs per computed token plus causal attention over half the mean prompt; one
    reading of the weights per step that only prefills. Decode: 2 x active parameters FLOPs per token; one reading of
    the weights per decode step plus the KV of the contexts. Source: Kaplan et al. 2020, section 2.1 (2N FLOPs per
    token); Pope et al. 2022, section 2 (weights and KV read per decode step).
    """
    flops, bandwidth = rates.flops_per_second, rates.memory_bytes_per_second
    prompt_flops = own_reading = decode_reading = 0.0
    if counts.prompt_computed_tokens:
        mean_prompt = counts.prompt_computed_tokens / max(1, counts.prefilled_requests)
        attention = 4 * model.attention_width * mean_prompt / 2
        prompt_flops = counts.prompt_computed_tokens * (2 * model.active_parameters + attention)
        own_steps = max(0, counts.steps - counts.decode_steps)
        if own_steps:
            own_reading = own_steps * model.bytes_per_step(counts.prompt_computed_tokens / own_steps)
    if counts.decode_tokens:
        decode_reading = _decode_weight_bytes(model, counts)
        decode_reading += model.kv_bytes(counts.decode_context_tokens, counts.decode_tokens)
    return ResourceSeconds(
        prefill_compute=prompt_flops / flops,
        prefill_memory=own_reading / bandwidth,
        decode_compute=counts.decode_tokens * 2 * model.active_parameters / flops,
        decode_memory=decode_reading / bandwidth,
    )


def decode_kv_share(model: ModelWork, counts: StepCounts) -> float:
    """The share of the KV cache in the bytes that decode steps read; the rest are weights. 0 without decode tokens."""
    if not counts.decode_tokens:
        return 0.0
    kv_bytes = model.kv_bytes(counts.decode_context_tokens, counts.decode_tokens)
    return kv_bytes / (kv_bytes + _decode_weight_bytes(model, counts))


def _decode_weight_bytes(model: ModelWork, counts: StepCounts) -> float:
    decode_steps = max(1, counts.decode_steps)
    return decode_steps * model.bytes_per_step(counts.decode_tokens / decode_steps)
