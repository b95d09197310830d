"""What is not yet claimed, by a unit of each kind of work."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.meter.shares.request_work import WorkSums
from vllm_costmeter.core.meter.shares.work_pools import FORGETTING, PerPool, Spent, WorkPools

NOTHING = Spent(0.0, 0.0)


def test_residency_of_running_requests_follows_slowly_what_recent_ones_had() -> None:
    """10 token-steps for a generated token at first, then 30: a twentieth of the way is taken."""
    pools = WorkPools()
    pools.accrue(PerPool(NOTHING, NOTHING, Spent(1000.0, 0.0), NOTHING), 0, 20)
    first = pools.rates(WorkSums(0, 10, 100)).per_unit.kv.usd
    assert first == pytest.approx(1000 / (100 + 10 * 10))
    second = pools.rates(WorkSums(0, 10, 300)).per_unit.kv.usd
    assert second == pytest.approx(1000 / (300 + 10 * (10 + FORGETTING * 20)))
