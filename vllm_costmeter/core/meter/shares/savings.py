"""Savings by the prefix cache."""

from __future__ import annotations

from vllm_costmeter.core.meter.exact_sum import ExactSum
from vllm_costmeter.core.meter.unit_prices import RequestUnitPrices


class CachedSavings:
    """Cached prompt tokens at the running price of a computed one. Tokens are held until that price is known."""

    __slots__ = ("_priced_tokens", "_usd")

    def __init__(self) -> None:
        self._priced_tokens = 0
        self._usd = ExactSum()

    def advance(self, cached_tokens: int, prices: RequestUnitPrices | None) -> None:
        """`cached_tokens` is the total so far."""
        if prices is None or prices.usd_per_computed_token <= 0:
            return
        self._usd.add((cached_tokens - self._priced_tokens) * prices.usd_per_computed_token)
        self._priced_tokens = cached_tokens

    @property
    def usd(self) -> float:
        return self._usd.value
