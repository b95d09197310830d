"""What each tenant's requests cost, as they are charged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from vllm_costmeter.core.meter.exact_sum import ExactSum
from vllm_costmeter.core.meter.outcome import OUTCOMES
from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.meter.shares.share import NO_SHARE, Share
from vllm_costmeter.core.meter.shares.work_pools import Spent
from vllm_costmeter.core.tenants.names import OTHER, RESERVED


class _Account:
    __slots__ = ("_counts", "_joules", "_usd")

    def __init__(self) -> None:
        self._usd, self._joules = ExactSum(), ExactSum()
        self._counts = [0] * (3 + len(OUTCOMES))

    def add(self, request: RequestWork, spent: Spent) -> None:
        self._usd.add(spent.usd)
        self._joules.add(spent.joules)
        counts = self._counts
        counts[0] += request.prompt_computed_tokens
        counts[1] += request.prompt_cached_tokens
        counts[2] += request.generated_tokens
        counts[3 + request.outcome] += 1

    def reading(self) -> Share:
        return Share(self._usd.value, self._joules.value, *self._counts)


class TenantAccounts:
    """One account for each tenant of one API process, by its number."""

    def __init__(self, name: Callable[[int], str]) -> None:
        """`name`: of a number."""
        self._name = name
        self._accounts: dict[int, _Account] = {}

    def charge(self, request: RequestWork, spent: Spent) -> None:
        """A request was charged."""
        account = self._accounts.get(request.tenant)
        if account is None:
            account = self._accounts[request.tenant] = _Account()
        account.add(request, spent)

    def shares(self) -> dict[str, Share]:
        """By tenant, since the start."""
        return {self._name(number): account.reading() for number, account in self._accounts.items()}


class ServerTenants:
    """The tenants of all API processes of a server: at most `limit` names in all, beside those with a budget,
    and the rest as `other`. Those with a budget begin at 0, so that their first dollars are a rise.

    Totals of another process begin again when that process does. A name that was once counted as `other` stays there,
    so that no total decreases.
    """

    def __init__(
        self, own: TenantAccounts, limit: int, budgeted: Callable[[], Collection[str]] = tuple
    ) -> None:
        self._own = own
        self._budgeted = budgeted
        self._left = limit
        self._last: dict[int, Mapping[str, Share]] = {}
        self._elsewhere: dict[str, Share] = {}
        self._shown_as = {name: name for name in RESERVED}

    def charge(self, request: RequestWork, spent: Spent) -> None:
        """A request of this process was charged."""
        self._own.charge(request, spent)

    def follow(self, rank: int, shares: Mapping[str, Share]) -> None:
        """The totals that another process, of this rank, has now."""
        last = self._last.get(rank, {})
        if any(shares.get(name, NO_SHARE).requests < share.requests for name, share in last.items()):
            last = {}
        for name, share in shares.items():
            added = share.minus(last.get(name, NO_SHARE))
            self._elsewhere[name] = self._elsewhere.get(name, NO_SHARE).plus(added)
        self._last[rank] = shares

    def own_usd(self) -> float:
        """What requests of this process were charged."""
        return sum(share.usd for share in self._own.shares().values())

    def shares(self) -> dict[str, Share]:
        """By tenant, since the start."""
        found = {self._shown(name): NO_SHARE for name in self._budgeted()}
        for name, share in (*self._own.shares().items(), *self._elsewhere.items()):
            shown = self._shown(name)
            found[shown] = found.get(shown, NO_SHARE).plus(share)
        return found

    def _shown(self, name: str) -> str:
        shown = self._shown_as.get(name)
        if shown is None:
            budgeted = name in self._budgeted()
            shown = self._shown_as[name] = name if budgeted or self._left else OTHER
            self._left -= shown == name and not budgeted
        return shown
