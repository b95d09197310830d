"""Trials whose answers are stated: what is tried, in which order, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.fit.change import Change
from vllm_costmeter.core.fit.result import Suggestion
from vllm_costmeter.core.fit.trial import Trials
from vllm_costmeter.core.release import NEWEST

ENOUGH = 131_072
"""Tokens that count as the whole context; fewer are served with a shorter --max-model-len."""


class Served(Trials):
    """A change serves the tokens that are stated for its flags; others do not fit."""

    def __init__(self, tokens: Mapping[str, int] | None = None) -> None:
        from example_models import llama

        super().__init__(llama(), NEWEST)
        object.__setattr__(self, "tokens", dict(tokens or {}))
        object.__setattr__(self, "asked", [])

    tokens: dict[str, int]
    asked: list[Change]

    def tried(self, change: Change) -> list[Suggestion]:
        """Remembers the change."""
        self.asked.append(change)
        most = self.tokens.get(change.arguments)
        if most is None:
            return []
        shorter = {} if most >= ENOUGH else {"max_model_len": most}
        return [
            Suggestion(
                {**change.change, **shorter}, change.arguments, "fits", most, usd_per_hour=change.usd_per_hour
            )
        ]
