"""A training run: tokens at a rate, or hours as stated, and what they cost."""

from __future__ import annotations

from fractions import Fraction

from vllm_costmeter.core.errors import BadInputError


def hours_of_run(tokens: Fraction, tokens_per_second: Fraction) -> Fraction:
    """How long `tokens` take at that rate, in hours."""
    if tokens_per_second <= 0:
        raise BadInputError("a training rate must be above 0 tokens per second")
    return tokens / tokens_per_second / 3600
