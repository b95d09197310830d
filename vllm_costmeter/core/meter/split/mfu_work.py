"""Prefill and decode by the work that the engine itself publishes for each step (vLLM's `--enable-mfu-metrics`)."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.meter.split.roofline import GpuRates, RooflineSeconds
from vllm_costmeter.core.meter.step_counts import StepCounts


@dataclass(frozen=True, slots=True)
class TokenWork:
    """The engine's own estimate for one token on one GPU, used to divide what a step publishes only as a total."""

    decode_flops: Callable[[float], float]
    """FLOPs of a decode token by the length of its context."""
    prompt_flops: float
    """FLOPs of one additional prompt token in a step, without attention and the output layer."""
    prompt_bytes: float
    """Bytes it moves: only its activations, because the weights are read anyway."""


def published_seconds(tokens: TokenWork, rates: GpuRates, counts: StepCounts) -> RooflineSeconds:
    """max(compute, memory) for each phase, as in the roofline, from the published FLOPs and bytes.

    A step without decode tokens is prefill. In a step that decoded, the FLOPs not explained by its decode tokens
    (rejected drafts count as decode) belong to prompt tokens in the step, finished or not, and so do the bytes of as
    many tokens; the rest, including reading the weights, is decode.
    """
    flops, bandwidth = rates.flops_per_second, rates.memory_bytes_per_second
    decoded = counts.decode_tokens + counts.rejected_draft_tokens
    mean_context = counts.decode_context_tokens / decoded if decoded else 0.0
    explained = decoded * tokens.decode_flops(mean_context)
    riding_flops = max(0.0, counts.decode_step_flops - explained)
    riding_bytes = min(riding_flops / tokens.prompt_flops * tokens.prompt_bytes, counts.decode_step_bytes)
    alone = max(counts.prefill_step_flops / flops, counts.prefill_step_bytes / bandwidth)
    riding = max(riding_flops / flops, riding_bytes / bandwidth)
    decode = max(
        (counts.decode_step_flops - riding_flops) / flops,
        (counts.decode_step_bytes - riding_bytes) / bandwidth,
    )
    return RooflineSeconds(alone + riding, decode)
