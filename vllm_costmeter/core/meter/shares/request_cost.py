"""The cost of finished requests as a histogram."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from vllm_costmeter.core.meter.exact_sum import ExactSum
from vllm_costmeter.core.meter.reading import RequestCosts
from vllm_costmeter.core.meter.unit_prices import RequestUnitPrices

BUCKETS_USD: tuple[float, ...] = (
    *(float(f"{mantissa}e{exponent}") for exponent in range(-7, 0) for mantissa in ("1", "2.5", "5")),
    1.0,
)
"""Upper bounds. A token costs 1e-8 to 1e-5 USD (0.01 to 10 USD/M): from 10 cheap tokens to 100,000 expensive ones."""


class FinishedRequest(NamedTuple):
    """Tokens of a request that finished."""

    prompt_computed_tokens: int
    prompt_cached_tokens: int
    generated_tokens: int


class RequestCostHistogram:
    """Counts requests by cost, O(log buckets) each."""

    __slots__ = ("_counts", "_sum")

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_USD) + 1)
        self._sum = ExactSum()

    def add(self, requests: Iterable[tuple[int, int, int]], prices: RequestUnitPrices) -> None:
        """Price (computed, cached, generated) token counts at the current unit prices."""
        for computed, _cached, generated in requests:
            usd = computed * prices.usd_per_computed_token + generated * prices.usd_per_generated_token
            self._counts[bisect_left(BUCKETS_USD, usd)] += 1
            self._sum.add(usd)

    def costs(self) -> RequestCosts:
        """The histogram so far."""
        return RequestCosts(tuple(self._counts), self._sum.value)
