"""The layer behind the one that gives tickets: each request's price is told in its answer, and kept when it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.middleware import Application, Receive, Send
from vllm_costmeter.plugin.serving.requests.prices import RequestPrices
from vllm_costmeter.plugin.serving.requests.ticket import CURRENT, Ticket


class PricingMiddleware:
    """ASGI 3. An error of ours is counted, and the request goes on without a price; vLLM's errors pass through."""

    def __init__(self, app: Application, prices: RequestPrices, tenant: Callable[[Ticket], str]) -> None:
        self._app = app
        self._prices = prices
        self._tenant = tenant

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request that has a ticket, or one of another kind."""
        ticket = None
        try:
            ticket = CURRENT.get()
            if ticket is not None:
                send = self._prices.begin(ticket, send)
        except Exception:  # noqa: BLE001 (counted; the request goes on)
            FAULTS.add("request")
        try:
            await self._app(scope, receive, send)
        finally:
            try:
                if ticket is not None:
                    self._prices.end(ticket, self._tenant)
            except Exception:  # noqa: BLE001 (counted; the request is over)
                FAULTS.add("request")
