"""What is not yet claimed, by a unit of each kind of work."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.meter.shares.request_work import RequestWork, WorkSums
from vllm_costmeter.core.meter.shares.work_pools import Claim, PerPool, RequestRates, Spent, WorkPools

NOTHING = Spent(0.0, 0.0)


def test_residency_of_running_requests_follows_slowly_what_recent_ones_had() -> None:
    """10 token-steps for a generated token at first, then 30: a twentieth of the way is taken."""
    pools = WorkPools()
    pools.accrue(PerPool(NOTHING, NOTHING, Spent(1000.0, 0.0), NOTHING), 0, 20)
    first = pools.rates(WorkSums(0, 10, 100)).per_unit.kv.usd
    assert first == pytest.approx(1000 / (100 + 10 * 10))
    second = pools.rates(WorkSums(0, 10, 300)).per_unit.kv.usd
    assert second == pytest.approx(1000 / (300 + 10 * (10 + 20 / 20)))


def pools_of(computed: int, generated: int) -> WorkPools:
    """With 8, 4, 2 and 1 dollars of the four kinds, and half as many joules."""
    pools = WorkPools()
    pools.accrue(PerPool(*(Spent(usd, usd / 2) for usd in (8.0, 4.0, 2.0, 1.0))), computed, generated)
    return pools


def test_a_rate_is_what_is_unclaimed_over_its_units() -> None:
    """A single token takes all of its kind; residency is that of the batch and, at the same mean, of what else runs."""
    assert pools_of(1, 1).rates(WorkSums(1, 1, 4)).per_unit == PerPool(
        Spent(8.0, 4.0), Spent(4.0, 2.0), Spent(0.5, 0.25), Spent(0.5, 0.25)
    )
    kv = pools_of(4, 16).rates(WorkSums(2, 4, 8)).per_unit.kv
    assert kv == Spent(2.0 / (8 + 12 * 2), 1.0 / (8 + 12 * 2))
    assert pools_of(4, 16).rates(WorkSums(0, 1, 8)).per_unit.kv.usd == 2.0 / (8 + 15 * 8)
    assert pools_of(4, 16).rates(WorkSums(2, 4, 0)).per_unit.kv == (0.0, 0.0)
    unknown = pools_of(2, 0).rates().per_unit
    assert unknown == PerPool(prefill=Spent(4.0, 2.0), unsplit=Spent(0.5, 0.25))


def test_a_request_costs_its_units() -> None:
    """Computed tokens, generated ones, residency, and both kinds of tokens where work is not split."""
    rates = RequestRates(PerPool(Spent(1.0, 2.0), Spent(0.5), Spent(0.25), Spent(0.125)))
    assert rates.of(RequestWork(2, 8, 3)) == PerPool(
        Spent(2.0, 4.0), Spent(1.5), Spent(0.25 * 23), Spent(0.625)
    )


def test_what_is_claimed_is_gone_with_its_tokens() -> None:
    """More than there is leaves no negative rate; what is left over stays unattributed."""
    pools = pools_of(4, 2)
    pools.claim(Claim(PerPool(Spent(6.0, 1.0), Spent(5.0, 3.0)), WorkSums(2, 9, 0)))
    assert pools.unattributed() == (4.0, 3.5)
    assert pools.rates().per_unit == PerPool(prefill=Spent(1.0, 1.5), unsplit=Spent(0.5, 0.25))
    pools.accrue(PerPool(), 0, 2)
    assert pools.rates().per_unit.decode == (0.0, 0.0)
    pools.claim(Claim(PerPool(), WorkSums(9, 9, 0)))
    pools.accrue(PerPool(prefill=Spent(2.0)), 2, 0)
    assert pools.rates().per_unit.prefill == Spent(2.0, 1.5)


def test_what_is_given_up_stays_unattributed_and_is_charged_to_nobody() -> None:
    """It is not lost, and new work starts without it and without its tokens."""
    pools = pools_of(4, 2)
    pools.give_up()
    assert pools.unattributed() == (15.0, 7.5)
    pools.accrue(PerPool(Spent(1.0), Spent(1.0)), 1, 1)
    assert pools.rates().per_unit == PerPool(Spent(1.0), Spent(1.0))
    assert pools.unattributed() == (17.0, 7.5)


def test_claims_are_added_and_subtracted_kind_by_kind() -> None:
    """Dollars, joules and work."""
    one = Claim(PerPool(Spent(4.0, 3.0), Spent(2.0, 1.0), Spent(8.0), Spent(0.0, 6.0)), WorkSums(7, 5, 3))
    two = Claim(PerPool(Spent(1.0, 1.0), Spent(0.5, 0.5), Spent(2.0), Spent(1.0, 2.0)), WorkSums(3, 2, 1))
    assert one.plus(two) == Claim(
        PerPool(Spent(5.0, 4.0), Spent(2.5, 1.5), Spent(10.0), Spent(1.0, 8.0)), WorkSums(10, 7, 4)
    )
    assert one.plus(two).minus(two) == one
    assert one.spent.total() == (14.0, 10.0)
