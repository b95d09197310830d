"""Counters over an engine's steps."""

from __future__ import annotations

import operator
from collections.abc import Callable

from vllm_costmeter.core.dataclass import dataclass, fields


@dataclass(slots=True)
class StepCounts:
    """Counters of one engine, part of it, or an interval. An immutable value, except to the reader of vLLM's
    statistics, which adds to its own in place.

    `a + b`: two parts together. `later - earlier`: the increase, where a counter that went back (a restarted engine)
    counts as 0. To add a counter, add one row here and the line that reads it from vLLM.
    """

    prompt_computed_tokens: int = 0
    prompt_cached_tokens: int = 0
    generated_tokens: int = 0
    prefilled_requests: int = 0
    """Sequences that produced their first token, which is prefill's work."""
    steps: int = 0
    """Engine steps reported to this process; each step is reported to exactly one."""
    decode_steps: int = 0
    """Steps in which at least one sequence produced a token that was not its first."""
    decode_context_tokens: int = 0
    """KV cache tokens in use, summed over decode steps: what those steps read."""
    prefill_step_flops: int = 0
    """vLLM's own estimate for the steps that decoded nothing, per GPU; 0, like the next three, if it has none."""
    prefill_step_bytes: int = 0
    decode_step_flops: int = 0
    """The same for the steps that decoded, including prompt tokens in those steps."""
    decode_step_bytes: int = 0
    rejected_draft_tokens: int = 0
    """Rejected draft tokens of speculative decoding: computed but not generated."""
    finished_requests: int = 0
    """Requests that ended by a stop condition or their length."""
    aborted_requests: int = 0
    failed_requests: int = 0

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
        """Whether any tokens were produced: only then is there evidence of how the time was spent."""
        return self.prompt_computed_tokens > 0 or self.decode_tokens > 0


COUNTERS = tuple(field.name for field in fields(StepCounts))


def _each(combine: Callable[[int, int], int], one: StepCounts, other: StepCounts) -> StepCounts:
    return StepCounts(*(combine(getattr(one, name), getattr(other, name)) for name in COUNTERS))
