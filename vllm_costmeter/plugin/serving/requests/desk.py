"""Hands out tickets and knows whose each one is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from vllm_costmeter.core.budgets.refusal import Refusal, makes_work
from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.requests.ended import LONGEST_ID, MOST_IDS
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.core.tenants.names import hashed, normalised
from vllm_costmeter.core.tenants.numbers import TenantNumbers
from vllm_costmeter.metering.budget_gate import BudgetGate
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.identity import (
    Scope,
    TrustedPeers,
    of_api_key,
    of_body,
    of_header,
)
from vllm_costmeter.plugin.serving.requests.prices import RequestPrices
from vllm_costmeter.plugin.serving.requests.ticket import Ticket


class RequestDesk:
    """One per API process. All methods are called on vLLM's event loop but `label`, and are quick."""

    def __init__(
        self, settings: Settings, secret: Callable[[], bytes], prices: RequestPrices | None = None
    ) -> None:
        """`secret`: the key of the hashes that names and API keys are replaced by. `prices`: None if nobody asks for
        the price of a request."""
        self.prices = prices
        self.sources = settings.tenant_from
        self.gate = BudgetGate(on_fault=lambda: FAULTS.add("request"))
        """Open until somebody tells it of budgets."""
        self.numbers = TenantNumbers(settings.tenant_limit, self.gate.budgeted)
        self._header = settings.tenant_header.lower().encode()
        self._trusted = TrustedPeers(settings.tenant_trusted)
        self._secret = secret() if self.sources else b""
        self._shows_names = settings.tenant_names == "plain"
        self._refuses = settings.budget_action == "refuse"
        self._ticket_numbers = itertools.count(1)

    @property
    def reads_bodies(self) -> bool:
        """Whether a request's body says whose it is."""
        return "user" in self.sources

    def open(self, scope: Scope) -> Ticket:
        """The ticket of a new request, with what its connection and headers tell."""
        ticket = Ticket(next(self._ticket_numbers))
        for source in self.sources:
            if source == "key":
                self._identify(ticket, source, of_api_key(scope, self._secret))
            elif source == "header" and self._trusted.trusts(scope):
                self._identify(ticket, source, of_header(scope, self._header))
        return ticket

    def read_body(self, ticket: Ticket, body: bytes) -> None:
        """The request's body is complete."""
        self._identify(ticket, "user", of_body(body))

    def admit(self, ticket: Ticket | None, state: Any) -> tuple[int, int]:
        """(the tenant's number, the ticket's number) of a sequence that the engine gets: `state` is its RequestState in
        vLLM's output processor. Without a ticket it did not come over HTTP."""
        if ticket is None:
            return (0, 0)
        ticket.adapter = state.lora_name or ticket.adapter
        if "adapter" in self.sources and state.lora_name:
            self._identify(ticket, "adapter", normalised(state.lora_name))
        request_id = str(state.external_req_id)
        if len(ticket.ids) < MOST_IDS and len(request_id) <= LONGEST_ID and request_id not in ticket.ids:
            ticket.ids.append(request_id)
        return (self.numbers.of(self.tenant(ticket)), ticket.number)

    def tenant(self, ticket: Ticket) -> str:
        """Whose it is, by the first source that names somebody; empty if none does."""
        return next((ticket.identities[source] for source in self.sources if source in ticket.identities), "")

    def refusal(self, ticket: Ticket, scope: Scope) -> Refusal | None:
        """Why the request is not served: the budget of its tenant is spent. None if it is."""
        if not self._refuses or scope["type"] != "http" or not makes_work(scope.get("path", "")):
            return None
        for source in self.sources:
            if source == "adapter":
                return None  # whose it is, is known when the engine has it
            if source in ticket.identities:
                return self.gate.refusal(ticket.identities[source])
        return self.gate.refusal("")

    def refused(self) -> Mapping[str, int] | None:
        """Requests refused so far, by tenant; None where none ever is."""
        return self.gate.refused() if self._refuses else None

    def end(self, ticket: Ticket, work: RequestWork) -> None:
        """One of its sequences ended."""
        if self.prices is None:
            return  # nobody asks what it cost, and a WebSocket can go on for ever
        ticket.works.append(work)
        if ticket.is_over:
            self.prices.end_late(ticket, work, self.tenant)

    def label(self, name: str) -> str:
        """What is shown of a tenant on /metrics."""
        return name if self._shows_names else hashed(name, self._secret)

    @staticmethod
    def _identify(ticket: Ticket, source: str, name: str) -> None:
        if name:
            ticket.identities[source] = name
