"""The price of each HTTP request: told in its answer, and kept when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.requests.ended import ended, with_one_more
from vllm_costmeter.core.requests.time_share import TimeShares
from vllm_costmeter.core.settings.request_settings import RequestPrice
from vllm_costmeter.metering.request_keeper import RequestKeeper
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.priced_answer import PricedAnswer, Send
from vllm_costmeter.plugin.serving.requests.ticket import Ticket

UNTOUCHED: frozenset[RequestPrice] = frozenset({"off", "record"})
"""The modes in which answers are as vLLM writes them."""


class RequestPrices:
    """One per API process. `begin` and `end` are called on vLLM's event loop, for each request, and never raise."""

    def __init__(
        self,
        mode: RequestPrice,
        keeper: RequestKeeper,
        *,
        model: str,
        engines: int,
        monotonic_seconds: Callable[[], float] = time.monotonic,
        unix_seconds: Callable[[], float] = time.time,
    ) -> None:
        self.keeper = keeper
        self._mode = mode
        self._model = model
        self._shares = TimeShares(engines)
        self._monotonic_seconds = monotonic_seconds
        self._unix_seconds = unix_seconds

    def begin(self, ticket: Ticket, send: Send) -> Send:
        """A request begins; returns the `send` that it is given."""
        try:
            ticket.begun = self._shares.begin(self._monotonic_seconds())
            if self._mode not in UNTOUCHED:
                return PricedAnswer(send, partial(self.estimate, ticket), self._mode)
        except Exception:  # noqa: BLE001 (counted; the request goes on)
            FAULTS.add("request")
        return send

    def estimate(self, ticket: Ticket) -> float | None:
        """Dollars for all that has ended of it; the same however often it is asked."""
        told = ticket.estimate
        if told is not None and told[0] == len(ticket.works):
            return told[1]
        if ticket.begun is None:
            return None
        own_seconds = self._shares.since(ticket.begun, self._monotonic_seconds())
        usd = self.keeper.estimate(ticket.works, own_seconds)
        if usd is not None:
            ticket.estimate = (len(ticket.works), usd)
        return usd

    def of_sequence(self, work: RequestWork, ticket: Ticket | None) -> float | None:
        """Dollars of one sequence; `ticket`: of its request, if it is the only one of it."""
        if ticket is None or ticket.begun is None:
            return self.keeper.estimate((work,), None)
        return self.keeper.estimate((work,), self._shares.since(ticket.begun, self._monotonic_seconds()))

    def end(self, ticket: Ticket, tenant: Callable[[Ticket], str]) -> None:
        """vLLM has finished with it."""
        try:
            if not ticket.is_over and ticket.begun is not None:
                self._shares.end(self._monotonic_seconds())
            ticket.is_over = True
            if ticket.works:
                ticket.ended = ended(
                    ticket.number,
                    ticket.ids,
                    ticket.works,
                    ended_unix_seconds=self._unix_seconds(),
                    model=ticket.adapter or self._model,
                    tenant=tenant(ticket),
                    estimated_usd=self.estimate(ticket),
                )
                self.keeper.end(ticket.ended)
        except Exception:  # noqa: BLE001 (counted; the request is over)
            FAULTS.add("request")

    def end_late(self, ticket: Ticket, work: RequestWork, tenant: Callable[[Ticket], str]) -> None:
        """One more of its sequences, the last of `ticket.works`, ended after it was over: its client hung up. There may
        be thousands, so only this one is added up."""
        if ticket.ended is None:
            self.end(ticket, tenant)
            return
        try:
            more_usd = self.keeper.estimate((work,), None)
            ticket.ended = with_one_more(ticket.ended, work, self._unix_seconds(), more_usd)
            self.keeper.end(ticket.ended)
        except Exception:  # noqa: BLE001 as above
            FAULTS.add("request")
