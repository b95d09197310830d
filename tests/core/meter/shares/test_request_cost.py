"""Histograms of what finished requests cost."""

from __future__ import annotations

import itertools

import pytest

from vllm_costmeter.core.meter.shares.request_cost import (
    BUCKETS_JOULES,
    BUCKETS_USD,
    Histogram,
    RequestAccount,
)
from vllm_costmeter.core.meter.shares.request_work import RequestWork, WorkSums
from vllm_costmeter.core.meter.shares.work_pools import Claim, PerPool, RequestRates, Spent


def test_buckets_are_three_to_a_power_of_ten() -> None:
    """From a tenth of a millionth of a dollar to one, and from 10 mJ to 100 kJ: each 2 or 2.5 times the one before."""
    for bounds, first, last in ((BUCKETS_USD, 1e-7, 1.0), (BUCKETS_JOULES, 0.01, 1e5)):
        assert (len(bounds), bounds[0], bounds[-1]) == (22, first, last)
        steps = [bound / before for before, bound in itertools.pairwise(bounds)]
        assert steps == pytest.approx([2.5, 2.0, 2.0] * 7)


def test_a_value_counts_in_the_first_bucket_that_holds_it() -> None:
    """A bound belongs to its bucket, as in Prometheus; the last one has none."""
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.add(value)
    assert histogram.reading().bucket_counts == (2, 1, 1)
    assert histogram.reading().sum == 12.0


def test_each_request_is_charged_told_and_claimed() -> None:
    """A dollar a computed and half a dollar a generated token, twice as many joules: those who ask are told of each
    request, and the claim is of all since the start."""
    told: list[tuple[RequestWork, Spent]] = []
    account = RequestAccount([lambda request, spent: told.append((request, spent))])
    rates = RequestRates(PerPool(Spent(1.0, 2.0), Spent(0.5, 1.0)))
    small, large = RequestWork(1, 0, 2), RequestWork(3, 0, 4)
    first = account.charge([small, large], rates)
    assert first == Claim(PerPool(Spent(4.0, 8.0), Spent(3.0, 6.0)), WorkSums(4, 6, 2 + 9 + 6))
    assert told == [(small, Spent(2.0, 4.0)), (large, Spent(5.0, 10.0))]
    second = account.charge([small], rates)
    assert account.claimed == first.plus(second)
    assert (account.usd.reading().sum, account.joules.reading().sum) == (9.0, 18.0)
    assert account.charge([], rates) == Claim()
