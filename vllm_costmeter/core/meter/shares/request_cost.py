"""Cost and energy of finished requests, as histograms."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from vllm_costmeter.core.meter.exact_sum import ExactSum
from vllm_costmeter.core.meter.reading import RequestHistogram
from vllm_costmeter.core.meter.shares.request_work import RequestWork, summed
from vllm_costmeter.core.meter.shares.work_pools import Claim, PerPool, RequestRates, Spent

BUCKETS_USD: tuple[float, ...] = (
    *(float(f"{mantissa}e{exponent}") for exponent in range(-7, 0) for mantissa in ("1", "2.5", "5")),
    1.0,
)
"""Upper bounds. A token costs 1e-8 to 1e-5 USD (0.01 to 10 USD/M): from 10 cheap tokens to 100,000 expensive ones."""

BUCKETS_JOULES: tuple[float, ...] = (
    *(float(f"{mantissa}e{exponent}") for exponent in range(-2, 5) for mantissa in ("1", "2.5", "5")),
    1e5,
)
"""Upper bounds. A generated token takes about 0.1 to 10 J (70 to 1,000 W at 100 to 10,000 tokens per second)."""


class Histogram:
    """Counts by value, O(log buckets) each."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = ExactSum()

    def add(self, value: float) -> None:
        """One more."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum.add(value)

    def reading(self) -> RequestHistogram:
        """So far."""
        return RequestHistogram(tuple(self._counts), self._sum.value)


Charged = Callable[[RequestWork, Spent], None]
"""Called with each request that was charged, and what it cost."""


class RequestAccount:
    """The finished requests of one API process and what they were charged."""

    def __init__(self, charged: Sequence[Charged] = ()) -> None:
        self._charged = charged
        self.usd = Histogram(BUCKETS_USD)
        self.joules = Histogram(BUCKETS_JOULES)
        self._claimed = Claim()

    @property
    def claimed(self) -> Claim:
        """Since the start."""
        return self._claimed

    def charge(self, requests: Sequence[RequestWork], rates: RequestRates) -> Claim:
        """Charge these requests at the rates; what they took together."""
        spent = PerPool()
        for request in requests:
            parts = rates.of(request)
            total = parts.total()
            self.usd.add(total.usd)
            self.joules.add(total.joules)
            spent = spent.plus(parts)
            for tell in self._charged:
                tell(request, total)
        claim = Claim(spent, summed(requests))
        self._claimed = self._claimed.plus(claim)
        return claim
