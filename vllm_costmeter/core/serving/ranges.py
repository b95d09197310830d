"""How far measurements lie from estimates: the ranges that are printed with them."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.serving.step import Engine


@dataclass(frozen=True, slots=True)
class Range:
    """Measured over estimated: 80 % of the measurements lie within."""

    low: float
    high: float

    def around(self, value: float) -> tuple[float, float]:
        """The range of an estimate."""
        return value * self.low, value * self.high


RATE = Range(0.84, 1.13)
"""Of the held-out runs of docs/serving.md (685 of 1,101; 2026-11)."""
TPOT = Range(0.89, 1.22)
"""The same runs."""
TTFT = Range(0.83, 2.5)
"""The same runs; the long end are queues of their own that no load explains."""
UNTIMED_RATE, UNTIMED_LATENCY = Range(0.5, 1.5), Range(0.67, 2.0)
"""Assumed for GPUs of an architecture without timed kernels: nothing was measured."""
CALIBRATED = Range(0.9, 1.1)
"""With a calibration on the same GPU, model and layout; assumed from the spread of repeated benchmark runs."""


def rate_range(engine: Engine) -> Range:
    """Of tokens per second."""
    if engine.is_calibrated:
        return CALIBRATED
    return RATE if engine.gpu.is_timed else UNTIMED_RATE


def tpot_range(engine: Engine) -> Range:
    """Of the time per output token."""
    if engine.is_calibrated:
        return CALIBRATED
    return TPOT if engine.gpu.is_timed else UNTIMED_LATENCY


def ttft_range(engine: Engine) -> Range:
    """Of the time to the first token."""
    return TTFT if engine.gpu.is_timed else Range(UNTIMED_LATENCY.low, TTFT.high)
