"""What work cost when it was last known: for requests that end now and are charged a little later."""

from __future__ import annotations

from collections.abc import Iterable

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.meter.shares.work_pools import NOTHING_SPENT, PerPool, RequestRates


class LatestRates:
    """The latest rate of each kind of work. A pool that has been charged empty has no rate: then it is the one that the
    last requests were charged at."""

    def __init__(self) -> None:
        self._per_unit = PerPool()

    def follow(self, rates: RequestRates) -> RequestRates:
        """Take those that are known; returns all."""
        pairs = zip(self._per_unit, rates.per_unit, strict=True)
        self._per_unit = PerPool(*(old if new == NOTHING_SPENT else new for old, new in pairs))
        return RequestRates(self._per_unit)


def estimated_usd(rates: RequestRates, works: Iterable[RequestWork]) -> float | None:
    """What the works cost together at these rates; None if there is none, or if one kind of their work has no rate."""
    usd = None
    prefill, decode, _, unsplit = rates.per_unit
    for work in works:
        for tokens, rate in ((work.prompt_computed_tokens, prefill), (work.generated_tokens, decode)):
            if tokens and not rate.usd and not unsplit.usd:
                return None
        usd = (usd or 0.0) + rates.of(work).total().usd
    return usd
