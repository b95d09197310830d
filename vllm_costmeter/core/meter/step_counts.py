"""What an engine's steps add up to."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, fields


@dataclass(slots=True)
class StepCounts:
    """Counters of one engine, of a part of it, or of an interval: a value to everyone but the reader of vLLM's
    statistics, which adds to its own in place.

    `a + b`: two parts together. `later - earlier`: what was counted in between, where a counter that went back (an
    engine restarted) counts nothing. A new counter is one row here and the line that reads it from vLLM.
    """

    prompt_computed_tokens: int = 0
    prompt_cached_tokens: int = 0
    generated_tokens: int = 0
    prefilled_requests: int = 0
    """Sequences whose first token came; that token is prefill's work."""
    steps: int = 0
    """Engine steps reported to this process; each step is reported to exactly one."""
    decode_steps: int = 0
    """Steps in which at least one sequence produced a token that was not its first."""
    decode_context_tokens: int = 0
    """Sum over decode steps of the KV cache tokens in use: what those steps read."""
    prefill_step_flops: int = 0
    """vLLM's own estimate for the steps that decoded nothing, per GPU; 0, like the next three, if it has none."""
    prefill_step_bytes: int = 0
    decode_step_flops: int = 0
    """The same for the steps that decoded, prompts that rode along included."""
    decode_step_bytes: int = 0
    rejected_draft_tokens: int = 0
    """Of speculative decoding: worked on, and not generated."""

    def __add__(self, other: StepCounts) -> StepCounts:
        return _each(operator.add, self, other)

    def __sub__(self, earlier: StepCounts) -> StepCounts:
        return _each(lambda now, before: max(0, now - before), self, earlier)

    @property
    def decode_tokens(self) -> int:
        """Generated tokens that were not the first one of their sequence."""
        return max(0, self.generated_tokens - self.prefilled_requests)

    @property
    def has_tokens(self) -> bool:
        """Whether anything came out: only then is there evidence of what the time went into."""
        return self.prompt_computed_tokens > 0 or self.decode_tokens > 0


COUNTERS = tuple(field.name for field in fields(StepCounts))


def _each(combine: Callable[[int, int], int], one: StepCounts, other: StepCounts) -> StepCounts:
    return StepCounts(*(combine(getattr(one, name), getattr(other, name)) for name in COUNTERS))
