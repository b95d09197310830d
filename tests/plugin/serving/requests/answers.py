"""Answers as vLLM sends them through ASGI, and what a client gets of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Message = dict[str, Any]
Send = Callable[[Any], Awaitable[None]]

USAGE = {"prompt_tokens": 5, "total_tokens": 8, "completion_tokens": 3}
CHAT = json.dumps({"id": "chatcmpl-1", "choices": [{"text": "é"}], "usage": USAGE, "kv": None}).encode()
EVENTS = (
    b'data: {"id":"chatcmpl-1","choices":[{"delta":{"content":"a"}}]}\n\n',
    b'data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":5}}\n\n',
    b"data: [DONE]\n\n",
)


def start(kind: str = "application/json", status: int = 200, **headers: str) -> Message:
    """The first message; `content_length="5"` is a header."""
    pairs = [(b"content-type", kind.encode())]
    pairs += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def whole(
    body: bytes = CHAT, kind: str = "application/json", status: int = 200, **headers: str
) -> list[Message]:
    """An answer in one piece, as Starlette's JSONResponse sends it."""
    first = start(kind, status, content_length=str(len(body)), **headers)
    return [first, {"type": "http.response.body", "body": body}]


def streamed(
    events: Iterable[bytes] = EVENTS, kind: str = "text/event-stream; charset=utf-8"
) -> list[Message]:
    """As Starlette's StreamingResponse sends it."""
    parts = [{"type": "http.response.body", "body": event, "more_body": True} for event in events]
    return [start(kind), *parts, {"type": "http.response.body", "body": b"", "more_body": False}]


def sent_through(around: Callable[[Send], Send], messages: Iterable[Message]) -> list[list[Message]]:
    """What came out at each message that went in."""
    came: list[list[Message]] = []

    async def send(message: Message) -> None:
        came[-1].append(message)

    async def run() -> None:
        layer = around(send)
        for message in messages:
            came.append([])
            await layer(message)

    asyncio.run(run())
    return came


def headers_of(message: Message) -> dict[str, str]:
    """By name."""
    return {name.decode(): value.decode() for name, value in message["headers"]}
