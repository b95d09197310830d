"""How fast a fine-tuning run is, by the arithmetic of each token."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.finetuning.run import WEIGHT_BYTES, Run
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.serving.links import Link, link_of

UTILIZATION = (Fraction(15, 100), Fraction(42, 100), Fraction(60, 100))
"""Share of the dense 16-bit rate that training reaches: low, median and high of the 41 runs of
tests/data/finetuning on an A100 with at least 1,024 tokens per pass. Other GPUs are assumed to be alike."""
FEWEST_TOKENS = 1024
"""Per pass; with fewer, the measured runs reach less than the low end."""


class TokenRate(NamedTuple):
    """Tokens per second of all GPUs."""

    low: Fraction
    middle: Fraction
    high: Fraction
    is_estimated: bool

    def hours(self, tokens: int) -> tuple[Fraction, Fraction, Fraction]:
        """Hours for so many tokens: the likely, the least and the most."""
        likely, least, most = (tokens / rate / 3600 for rate in (self.middle, self.high, self.low))
        return likely, least, most


def stated_rate(tokens_per_second: Fraction) -> TokenRate:
    """A measured rate, without a range."""
    return TokenRate(tokens_per_second, tokens_per_second, tokens_per_second, False)


def estimated_rate(run: Run, gpu: GpuSpec) -> TokenRate | None:
    """The rate of `run.gpus` of these GPUs; None if their 16-bit rate is unknown.

    Low and middle: exchange follows arithmetic. High: it hides behind it, as far as it can.
    """
    if gpu.sixteen_bit_flops_per_second is None:
        return None
    exchanged = exchange_seconds(run, link_of(gpu, run.gpus)) if run.gpus > 1 else 0.0
    work = run.tokens * flops_per_token(run) / gpu.sixteen_bit_flops_per_second
    slow, likely, fast = (work / float(share) for share in UTILIZATION)
    passes = (slow + exchanged, likely + exchanged, max(fast, exchanged))
    low, middle, high = (Fraction(run.gpus * run.tokens / seconds) for seconds in passes)
    return TokenRate(low, middle, high, True)


def exchange_seconds(run: Run, link: Link) -> float:
    """Of data parallelism in one pass: gradients are added up; with ZeRO 3 the weights are gathered before the
    forward and again before the backward pass (arXiv 1910.02054, section 7). A gather is half an all-reduce."""
    width = 2.0 if run.method == "full" else float(run.adapter_bytes)
    seconds = link.all_reduce_seconds(run.trained * width, run.gpus)
    if run.zero >= 3:
        held = run.shape.linear_parameters * WEIGHT_BYTES[run.weights] + run.shape.embedding_parameters * 2.0
        seconds += link.all_reduce_seconds(held, run.gpus)
    return seconds


def exchange_over_arithmetic(run: Run, gpu: GpuSpec) -> float | None:
    """Of tensor parallelism: time of exchange over time of arithmetic in one block; None if the rate is unknown.

    Two all-reduces of a block's output forward, two backward, and two more with checkpointing (Megatron-LM, arXiv
    1909.08053, section 3)."""
    if gpu.sixteen_bit_flops_per_second is None:
        return None
    size, shape = run.tensor_parallel_size, run.shape
    message = run.tokens * shape.hidden * 2.0
    all_reduces = 6 if run.checkpointing.startswith("full") else 4
    exchanged = all_reduces * link_of(gpu, size).all_reduce_seconds(message, size)
    flops = run.tokens * _factor(run) * shape.linear_parameters / shape.layers / size
    return exchanged / (flops / (gpu.sixteen_bit_flops_per_second * float(UTILIZATION[1])))


def fastest_rate(run: Run, flops_per_second: float) -> Fraction:
    """Tokens per second of all GPUs if every cycle at this dense rate counted and nothing was computed twice."""
    return Fraction(int(flops_per_second)) * run.gpus / flops_per_token(replace(run, checkpointing="none"))


def flops_per_token(run: Run) -> int:
    """Two per parameter forward, two for the gradients of inputs, two for those of weights if these are trained,
    and two more if checkpointing runs the forward pass again (arXiv 2205.05198, section 4). Without attention's own."""
    return _factor(run) * (run.shape.linear_parameters + run.shape.vocabulary * run.shape.hidden)


def _factor(run: Run) -> int:
    return (6 if run.method == "full" else 4) + 2 * run.checkpointing.startswith("full")
