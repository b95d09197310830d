"""Tokens by kind, summed over engines; never decreasing."""

from __future__ import annotations

from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.outcome import Outcome
from vllm_costmeter.core.meter.reading import TokenKind
from vllm_costmeter.core.meter.step_counts import StepCounts


class TokenCounts:
    """Sums engines. A replaced engine that counts from zero continues from its previous totals."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts = StepCounts()

    def add(self, before: EngineTotals | None, now: EngineTotals) -> None:
        """Add an engine's counts since `before`; None: since the engine's start."""
        same = before is not None and now.counts.steps >= before.counts.steps
        self._counts += now.counts - (before.counts if before is not None and same else StepCounts())

    @property
    def work(self) -> StepCounts:
        """All counters so far."""
        return self._counts

    def requests(self) -> dict[Outcome, int]:
        """Requests that ended."""
        return {
            "finished": self._counts.finished_requests,
            "aborted": self._counts.aborted_requests,
            "failed": self._counts.failed_requests,
        }

    def by_kind(self) -> dict[TokenKind, int]:
        """By the published kinds."""
        return {
            "prompt_computed": self._counts.prompt_computed_tokens,
            "prompt_cached": self._counts.prompt_cached_tokens,
            "generated": self._counts.generated_tokens,
        }
