"""The innermost layer of vLLM's HTTP application: gives each request its ticket. Serving never depends on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
from vllm_costmeter.plugin.serving.requests.ticket import CURRENT, Ticket

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]

MOST_BODY_BYTES = 16 << 20
"""A longer body is not looked at for a name. vLLM reads it into memory whole, whatever its length."""


class RequestMiddleware:
    """ASGI 3. An error of ours is counted, and the request goes on without a ticket; vLLM's errors pass through."""

    def __init__(self, app: Application, desk: RequestDesk) -> None:
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request, or one WebSocket connection."""
        ticket = self._opened(scope)
        if ticket is None:
            await self._app(scope, receive, send)
            return
        if self._desk.reads_bodies and scope["type"] == "http":
            receive = await self._named(ticket, receive)
        token = CURRENT.set(ticket)
        try:
            await self._app(scope, receive, send)
        finally:
            CURRENT.reset(token)

    def _opened(self, scope: Any) -> Ticket | None:
        try:
            if scope["type"] == "websocket" or (scope["type"] == "http" and scope["method"] == "POST"):
                return self._desk.open(scope)
        except Exception:  # noqa: BLE001 (counted; the request goes on)
            FAULTS.add("request")
        return None

    async def _named(self, ticket: Ticket, receive: Receive) -> Receive:
        """Read the body, which vLLM reads whole before it does anything else, and give it to vLLM as it came."""
        messages: list[Message] = []
        size = 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if message["type"] != "http.request" or not message.get("more_body") or size > MOST_BODY_BYTES:
                break
        try:
            if size <= MOST_BODY_BYTES:
                self._desk.read_body(ticket, b"".join(each.get("body", b"") for each in messages))
        except Exception:  # noqa: BLE001 (counted; the request goes on without a name)
            FAULTS.add("request")
        return _replaying(messages, receive)


def _replaying(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def replayed() -> Message:
        message = next(waiting, None)
        return await receive() if message is None else message

    return replayed
