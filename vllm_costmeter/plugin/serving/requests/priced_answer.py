"""The price of a request in its own answer: an ASGI `send` around vLLM's.

A JSON answer comes from vLLM in one piece, a start and a body: the start waits for the body, because both change.
Nothing is collected: an answer in several pieces, a long, failed, or compressed one passes as it is. Of an event
stream, the event that has the request's usage changes; each event is sent at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from vllm_costmeter.core.settings.request_settings import RequestPrice
from vllm_costmeter.outputs.requests.usage_cost import (
    cost_member,
    cost_number,
    decimal,
    event_with_cost,
    names_usage,
    with_cost,
)
from vllm_costmeter.plugin.faults import FAULTS

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

HEADER = b"x-costmeter-cost-usd"
USAGE = b'"usage"'
MOST_ANSWER_BYTES = 16 << 20
"""A longer answer passes as it is."""
IN_USAGE: frozenset[RequestPrice] = frozenset({"usage", "both", "number"})
IN_HEADER: frozenset[RequestPrice] = frozenset({"header", "both", "number"})


class PricedAnswer:
    """In the place of `send` for one request. An error of ours is counted, and the answer passes as vLLM wrote it."""

    def __init__(self, send: Send, estimate: Callable[[], float | None], mode: RequestPrice) -> None:
        """`estimate`: dollars, asked when the answer is complete."""
        self._send = send
        self._estimate = estimate
        self._mode = mode
        self._waiting: tuple[Message, ...] = ()
        self._streams = False

    def __call__(self, message: Message) -> Awaitable[None]:
        """One message from vLLM. Most are events without the usage, which go on with no more than a look at them."""
        try:
            passes = self._streams and USAGE not in message.get("body", b"")
            messages, self._waiting = ((), self._waiting) if passes else self._next(message)
        except Exception:  # noqa: BLE001 (counted; the answer goes on)
            FAULTS.add("request")
            passes, messages, self._waiting = False, (*self._waiting, message), ()
        return self._send(message) if passes else self._send_each(messages)

    async def _send_each(self, messages: tuple[Message, ...]) -> None:
        for each in messages:
            await self._send(each)

    def _next(self, message: Message) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
        """What is sent now, and what waits."""
        kind = message["type"]
        if kind == "http.response.start" and message["status"] == 200:
            content = _headers(message, b"content-type")
            is_plain = not _headers(message, b"content-encoding")
            self._streams = is_plain and content.startswith(b"text/event-stream") and self._mode in IN_USAGE
            if is_plain and content.startswith(b"application/json"):
                return (), (message,)
        elif kind == "http.response.body":
            if self._waiting:
                return self._whole(self._waiting[0], message), ()
            if self._streams:
                return (self._event(message),), ()
        return (*self._waiting, message), ()

    def _whole(self, start: Message, body: Message) -> tuple[Message, ...]:
        content = body.get("body", b"")
        if body.get("more_body") or len(content) > MOST_ANSWER_BYTES or not names_usage(content):
            return (start, body)
        usd = self._estimate()
        if usd is None:
            return (start, body)
        headers = list(start["headers"])
        if self._mode in IN_USAGE:
            priced = with_cost(content, self._cost(usd))
            if priced is not None:
                body = {**body, "body": priced}
                headers = list(_with_length(headers, len(priced)))
        if self._mode in IN_HEADER:
            headers.append((HEADER, decimal(usd).encode()))
        return ({**start, "headers": headers}, body)

    def _event(self, message: Message) -> Message:
        content = message.get("body", b"")
        if not names_usage(content):
            return message
        usd = self._estimate()
        priced = None if usd is None else event_with_cost(content, self._cost(usd))
        return message if priced is None else {**message, "body": priced}

    def _cost(self, usd: float) -> bytes:
        return cost_number(usd) if self._mode == "number" else cost_member(usd)


def _headers(start: Message, name: bytes) -> bytes:
    return b",".join(value for key, value in start.get("headers", ()) if key.lower() == name)


def _with_length(headers: Iterable[tuple[bytes, bytes]], length: int) -> Iterable[tuple[bytes, bytes]]:
    for key, value in headers:
        yield (key, str(length).encode()) if key.lower() == b"content-length" else (key, value)
