"""Tokens by kind over all engines, never decreasing."""

from __future__ import annotations

from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.reading import TokenKind
from vllm_costmeter.core.meter.step_counts import StepCounts


class TokenCounts:
    """Adds up engines. An engine that was replaced and counts from zero goes on from where it was."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts = StepCounts()

    def add(self, before: EngineTotals | None, now: EngineTotals) -> None:
        """Adds what an engine counted since `before`; None: since the engine's own start."""
        same = before is not None and now.counts.steps >= before.counts.steps
        self._counts += now.counts - (before.counts if before is not None and same else StepCounts())

    def by_kind(self) -> dict[TokenKind, int]:
        """By the kinds that are published."""
        return {
            "prompt_computed": self._counts.prompt_computed_tokens,
            "prompt_cached": self._counts.prompt_cached_tokens,
            "generated": self._counts.generated_tokens,
        }
