"""The innermost layer of vLLM's HTTP application: gives each request its ticket. Serving never depends on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
from vllm_costmeter.plugin.serving.requests.ticket import CURRENT

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
        """One request, or one WebSocket connection. Servers run each in a context of its own, which ends with it."""
        try:
            if scope["type"] == "websocket" or (scope["type"] == "http" and scope["method"] == "POST"):
                ticket = self._desk.open(scope)
                if self._desk.reads_bodies and scope["type"] == "http":
                    receive = body = ReadBody(receive)
                    self._desk.read_body(ticket, await body.read())
                CURRENT.set(ticket)
        except Exception:  # noqa: BLE001 (counted; the request goes on)
            FAULTS.add("request")
        await self._app(scope, receive, send)


class ReadBody:
    """A request's body, read before vLLM does, which begins with that, and given to vLLM as it came."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: deque[Message] = deque()

    async def read(self) -> bytes:
        """All of it; empty if it is too long or the client is gone."""
        size = 0
        while size <= MOST_BODY_BYTES:
            self._messages.append(await self._receive())  # in one step: nothing of it can get lost
            message = self._messages[-1]
            size += len(message.get("body", b""))
            if message["type"] != "http.request":
                return b""
            if not message.get("more_body"):
                return b"".join(each.get("body", b"") for each in self._messages)
        return b""

    async def __call__(self) -> Message:
        """The next message: what was read first."""
        return self._messages.popleft() if self._messages else await self._receive()
