"""How fast a fine-tuning run is, by the arithmetic of each token."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from vllm_costmeter.core.finetuning.run import Run

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


def estimated_rate(run: Run, flops_per_second: float) -> TokenRate:
    """The rate of `run.gpus` GPUs with this dense 16-bit rate each; exchange between them is not counted."""
    flops = Fraction(int(flops_per_second)) * run.gpus / flops_per_token(run)
    low, middle, high = (share * flops for share in UTILIZATION)
    return TokenRate(low, middle, high, True)


def flops_per_token(run: Run) -> int:
    """Two per parameter forward, two for the gradients of inputs, two for those of weights if these are trained,
    and two more if checkpointing runs the forward pass again (arXiv 2205.05198, section 4). Without attention's own."""
    used = run.shape.linear_parameters + run.shape.vocabulary * run.shape.hidden
    factor = 6 if run.method == "full" else 4
    return (factor + 2 * run.checkpointing.startswith("full")) * used
