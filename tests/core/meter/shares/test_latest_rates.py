"""What work cost when it was last known."""

from __future__ import annotations

from vllm_costmeter.core.meter.shares.latest_rates import LatestRates, estimated_usd
from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.meter.shares.work_pools import NOTHING_SPENT, PerPool, RequestRates, Spent


def rates(prefill: float = 0.0, decode: float = 0.0, unsplit: float = 0.0) -> RequestRates:
    """Dollars per token."""
    of = {"prefill": prefill, "decode": decode, "unsplit": unsplit}
    return RequestRates(PerPool(**{name: Spent(usd) for name, usd in of.items()}))


def test_a_pool_that_was_charged_empty_keeps_its_last_rate() -> None:
    """Kind by kind, until there is a new one."""
    latest = LatestRates()
    assert latest.follow(rates()).per_unit == PerPool()
    latest.follow(rates(prefill=1.0, decode=2.0))
    now = latest.follow(rates(decode=3.0)).per_unit
    assert (now.prefill.usd, now.decode.usd, now.kv) == (1.0, 3.0, NOTHING_SPENT)


def test_an_estimate_needs_a_rate_for_each_kind_of_its_work() -> None:
    """None rather than a part of it; nothing ended is nothing known."""
    work = RequestWork(10, 5, 2)
    assert estimated_usd(rates(1.0, 2.0), [work, work]) == 28.0
    assert estimated_usd(rates(unsplit=1.0), [work]) == 12.0
    assert estimated_usd(rates(prefill=1.0), [work]) is None
    assert estimated_usd(rates(decode=1.0), [work]) is None
    assert estimated_usd(rates(prefill=1.0), [RequestWork(10, 0, 0)]) == 10.0
    assert estimated_usd(rates(1.0, 2.0), []) is None
