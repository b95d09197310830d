"""What an engine did in an interval, and which unit prices follow from what it cost."""

from __future__ import annotations

from dataclasses import dataclass, fields

from vllm_costmeter.core.meter.engine_totals import EngineTotals


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
    prefill_step_flops: int = 0
    """By vLLM's own estimate, per card, of steps that decoded nothing; 0 where it publishes none."""
    prefill_step_bytes: int = 0
    decode_step_flops: int = 0
    """Of the steps that decoded, prompts that rode along included."""
    decode_step_bytes: int = 0
    rejected_draft_tokens: int = 0

    def __add__(self, other: Work) -> Work:
        counts = {name: getattr(self, name) + getattr(other, name) for name in COUNTS}
        return Work(
            self.active_seconds + other.active_seconds,
            decode_tokens=self.decode_tokens + other.decode_tokens,
            **counts,
        )

    @property
    def has_tokens(self) -> bool:
        """Whether anything came out: only then is there evidence of what the time went into."""
        return self.prompt_computed_tokens > 0 or self.decode_tokens > 0


NOTHING = Work()

COUNTS = tuple(field.name for field in fields(Work) if field.name not in ("active_seconds", "decode_tokens"))
"""What Work and EngineTotals count alike."""


def work_between(earlier: EngineTotals, later: EngineTotals, active_seconds: float) -> Work:
    """The work that turned `earlier` into `later`. Counters that went back (an engine restarted) count nothing."""
    counts = {name: max(0, getattr(later, name) - getattr(earlier, name)) for name in COUNTS}
    generated = max(0, later.generated_tokens - earlier.generated_tokens)
    return Work(active_seconds, decode_tokens=max(0, generated - counts["prefilled_requests"]), **counts)
