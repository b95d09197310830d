"""Tokens by kind over all engines, never decreasing."""

from __future__ import annotations

from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.reading import TokenKind


def tokens_by_kind(totals: EngineTotals) -> dict[TokenKind, int]:
    """The totals of one engine by the kinds that are published."""
    return {
        "prompt_computed": totals.prompt_computed_tokens,
        "prompt_cached": totals.prompt_cached_tokens,
        "generated": totals.generated_tokens,
    }


class TokenCounts:
    """Adds up engines. An engine that was replaced and counts from zero goes on from where it was."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[TokenKind, int] = {"prompt_computed": 0, "prompt_cached": 0, "generated": 0}

    def add(self, before: EngineTotals | None, now: EngineTotals) -> None:
        """Adds what an engine counted since `before`; None: since the engine's own start."""
        old = tokens_by_kind(before) if before is not None and now.steps >= before.steps else {}
        for kind, count in tokens_by_kind(now).items():
            self._counts[kind] += max(0, count - old.get(kind, 0))

    def by_kind(self) -> dict[TokenKind, int]:
        return dict(self._counts)
