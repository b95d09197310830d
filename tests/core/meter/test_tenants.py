"""What tenants' requests cost."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.meter.shares.share import Share
from vllm_costmeter.core.meter.shares.tenants import ServerTenants, TenantAccounts
from vllm_costmeter.core.meter.shares.work_pools import Spent
from vllm_costmeter.core.tenants.numbers import TenantNumbers


def server(limit: int = 2) -> tuple[ServerTenants, TenantNumbers]:
    """The tenants of a server that tells `limit` of them apart."""
    numbers = TenantNumbers(limit)
    return ServerTenants(TenantAccounts(numbers.name), limit), numbers


def test_each_request_is_charged_to_its_tenant() -> None:
    """Dollars, joules, tokens by kind and requests by outcome; without a tenant it is untagged."""
    tenants, numbers = server()
    a = numbers.of("a")
    tenants.charge(RequestWork(10, 5, 20, 0, a), Spent(1.0, 3.0))
    tenants.charge(RequestWork(1, 0, 2, 1, a), Spent(0.5, 1.0))
    tenants.charge(RequestWork(7, 0, 7), Spent(0.25))
    assert tenants.shares() == {
        "a": Share(1.5, 4.0, 11, 5, 22, 1, 1),
        "untagged": Share(0.25, 0.0, 7, 0, 7, 1),
    }
    assert tenants.own_usd() == 1.75


def test_requests_are_counted_however_they_ended() -> None:
    """Finished, aborted and failed, apart and together; tokens of all kinds."""
    tenants, numbers = server()
    for outcome, times in ((0, 1), (1, 2), (2, 4)):
        for _ in range(times):
            tenants.charge(RequestWork(8, 2, 1, outcome, numbers.of("a")), Spent(0.5))
    share = tenants.shares()["a"]
    assert (share.finished_requests, share.aborted_requests, share.failed_requests) == (1, 2, 4)
    assert (share.requests, share.tokens, share.usd) == (7, 77, 3.5)
    assert share.plus(share).minus(share) == share


def test_one_tenant_that_went_back_is_another_process() -> None:
    """Though others of its tenants are where they were: all of its totals count from zero."""
    tenants, _ = server()
    tenants.follow(1, {"a": Share(2.0, finished_requests=2), "b": Share(1.0, finished_requests=1)})
    tenants.follow(1, {"a": Share(3.0, finished_requests=3), "b": Share(0.5)})
    assert tenants.shares() == {"a": Share(5.0, finished_requests=5), "b": Share(1.5, finished_requests=1)}
    for _ in range(2):  # told again, it is the same
        tenants.follow(2, {"a": Share(1.0, finished_requests=1)})
    assert tenants.shares()["a"] == Share(6.0, finished_requests=6)


def test_a_tenant_with_a_budget_is_always_told_apart() -> None:
    """However many came before it; the reserved names do not count against the limit."""
    numbers = TenantNumbers(1)
    tenants = ServerTenants(TenantAccounts(numbers.name), 1, budgeted=lambda: {"budgeted"})
    names = ("untagged", "a", "b", "budgeted", "c")
    tenants.follow(1, {name: Share(1.0, finished_requests=1) for name in names})
    assert {name: share.usd for name, share in tenants.shares().items()} == {
        "untagged": 1.0,
        "a": 1.0,
        "budgeted": 1.0,
        "other": 2.0,
    }


def test_a_tenant_with_a_budget_begins_at_zero() -> None:
    """Before its first request, so that its first dollars are a rise; it takes no place of those without a budget."""
    numbers = TenantNumbers(1, lambda: {"budgeted"})
    tenants = ServerTenants(TenantAccounts(numbers.name), 1, lambda: {"budgeted"})
    assert tenants.shares() == {"budgeted": Share()}
    for name in ("budgeted", "a", "b"):
        tenants.charge(RequestWork(1, 0, 0, 0, numbers.of(name)), Spent(1.0))
    assert {name: share.usd for name, share in tenants.shares().items()} == {
        "budgeted": 1.0,
        "a": 1.0,
        "other": 1.0,
    }


def test_other_processes_are_added_and_may_begin_again() -> None:
    """Their totals are followed by increase; those of a new process with the same rank count from zero."""
    tenants, numbers = server()
    tenants.charge(RequestWork(1, 0, 0, 0, numbers.of("a")), Spent(1.0))
    tenants.follow(1, {"a": Share(2.0, finished_requests=2)})
    tenants.follow(1, {"a": Share(3.0, finished_requests=3)})
    tenants.follow(1, {"a": Share(0.5, finished_requests=1)})
    assert tenants.shares() == {"a": Share(4.5, 0.0, 1, finished_requests=5)}


def test_the_limit_holds_over_all_processes_and_no_total_decreases() -> None:
    """A name counted as `other` stays there, whoever comes later."""
    tenants, numbers = server(limit=2)
    tenants.follow(1, {name: Share(1.0, finished_requests=1) for name in ("a", "b", "c", "d")})
    first = tenants.shares()
    assert first.keys() == {"a", "b", "other"}
    tenants.charge(RequestWork(1, 0, 0, 0, numbers.of("c")), Spent(1.0))
    later = tenants.shares()
    assert later.keys() == first.keys()
    assert later["other"].usd == pytest.approx(3.0)
