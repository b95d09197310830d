"""The division of active cost and energy among finished requests, and what is left unattributed."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.meter.exact_sum import ExactSum
from vllm_costmeter.core.meter.shares.request_cost import Charged, RequestAccount
from vllm_costmeter.core.meter.shares.request_work import RequestWork, summed
from vllm_costmeter.core.meter.shares.settling import Settling
from vllm_costmeter.core.meter.shares.work_pools import Claim, PerPool, RequestRates, Spent, WorkPools
from vllm_costmeter.core.meter.step_counts import StepCounts

QUIET_SECONDS = 15.0
"""Without active time for this long, no request is left that could still be charged: more than one waits to settle."""


class RequestBill:
    """Law: what finished requests were charged (in all API processes) + `unattributed` = what was accrued."""

    def __init__(self, reports_lag_seconds: float = 0.0, charged: Sequence[Charged] = ()) -> None:
        """`reports_lag_seconds`: how late active time is known. `charged` are told of each request."""
        self._lag_seconds = reports_lag_seconds
        self._pools = WorkPools()
        self._settling = Settling()
        self._elsewhere_usd = ExactSum()
        self._quiet_seconds = 0.0
        self._is_quiet = True
        self.account = RequestAccount(charged)

    def accrue(self, spent: PerPool, tokens: StepCounts) -> None:
        """Active cost and energy of one engine's tick, and the tokens counted in it."""
        self._pools.accrue(spent, tokens.prompt_computed_tokens, tokens.generated_tokens)
        if tokens.steps or spent.total().usd > 0 or spent.total().joules > 0:
            self._is_quiet = False

    def advance(
        self,
        now_seconds: float,
        elapsed_seconds: float,
        ended: Sequence[RequestWork],
        claimed_elsewhere: Claim,
        *,
        is_behind: bool,
    ) -> None:
        """Charge the requests whose time has been charged to the server. `is_behind`: some of it is still to come."""
        self._pools.claim(claimed_elsewhere)
        self._elsewhere_usd.add(claimed_elsewhere.spent.total().usd)
        self._settling.add(now_seconds, ended)
        until = float("-inf") if is_behind else now_seconds - self._lag_seconds
        due = self._settling.take(now_seconds, until)
        if due:
            self._pools.claim(self.account.charge(due, self._pools.rates(summed(due))))
        self._quiet_seconds = self._quiet_seconds + elapsed_seconds if self._is_quiet else 0.0
        self._is_quiet = True
        if self._quiet_seconds >= QUIET_SECONDS:
            self._pools.give_up()

    def rates(self) -> RequestRates:
        """For requests like the recent ones that end now."""
        return self._pools.rates()

    def unattributed(self) -> Spent:
        """Of running requests, and of work that no finished request accounts for."""
        return self._pools.unattributed()

    def explained_usd(self) -> float:
        """What requests were charged plus what is unattributed."""
        charged = self.account.usd.reading().sum + self._elsewhere_usd.value
        return charged + self.unattributed().usd
