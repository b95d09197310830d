"""Savings by the prefix cache."""

from __future__ import annotations

from vllm_costmeter.core.meter.exact_sum import ExactSum


class CachedSavings:
    """Cached prompt tokens at the running price of a computed one. Tokens are held until that price is known."""

    __slots__ = ("_priced_tokens", "_usd")

    def __init__(self) -> None:
        self._priced_tokens = 0
        self._usd = ExactSum()

    def advance(self, cached_tokens: int, usd_per_computed_token: float | None) -> None:
        """`cached_tokens` is the total so far."""
        if usd_per_computed_token is None:
            return
        self._usd.add((cached_tokens - self._priced_tokens) * usd_per_computed_token)
        self._priced_tokens = cached_tokens

    @property
    def usd(self) -> float:
        return self._usd.value
