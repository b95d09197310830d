"""What an engine did in an interval, and which unit prices follow from what it cost."""

from __future__ import annotations

from dataclasses import dataclass

from vllm_costmeter.core.engine_totals import EngineTotals


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one engine over an interval of active time. Counts add up over intervals."""

    active_seconds: float = 0.0
    prompt_computed_tokens: int = 0
    prefilled_requests: int = 0
    """Sequences whose prompt was finished: each brought its first token out of prefill."""
    decode_tokens: int = 0
    decode_steps: int = 0
    decode_context_tokens: int = 0
    """KV tokens read by the decode steps, summed over steps."""
    steps: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(
            self.active_seconds + other.active_seconds,
            self.prompt_computed_tokens + other.prompt_computed_tokens,
            self.prefilled_requests + other.prefilled_requests,
            self.decode_tokens + other.decode_tokens,
            self.decode_steps + other.decode_steps,
            self.decode_context_tokens + other.decode_context_tokens,
            self.steps + other.steps,
        )

    @property
    def has_tokens(self) -> bool:
        """Whether anything came out: only then is there evidence of what the time went into."""
        return self.prompt_computed_tokens > 0 or self.decode_tokens > 0


NOTHING = Work()


def work_between(earlier: EngineTotals, later: EngineTotals, active_seconds: float) -> Work:
    """The work that turned `earlier` into `later`. Counters that went back (an engine restarted) count nothing."""
    generated = max(0, later.generated_tokens - earlier.generated_tokens)
    prefilled = max(0, later.prefilled_requests - earlier.prefilled_requests)
    return Work(
        active_seconds=active_seconds,
        prompt_computed_tokens=max(0, later.prompt_computed_tokens - earlier.prompt_computed_tokens),
        prefilled_requests=prefilled,
        decode_tokens=max(0, generated - prefilled),
        decode_steps=max(0, later.decode_steps - earlier.decode_steps),
        decode_context_tokens=max(0, later.decode_context_tokens - earlier.decode_context_tokens),
        steps=max(0, later.steps - earlier.steps),
    )
