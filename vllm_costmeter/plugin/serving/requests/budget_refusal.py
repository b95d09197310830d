"""HTTP 429 for a tenant whose budget is spent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from vllm_costmeter.core.budgets.refusal import STATUS, Refusal

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def refuse(send: Send, refusal: Refusal) -> None:
    """Answer an HTTP request (ASGI 3), whose body may be unread."""
    body = refusal.body()
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": STATUS, "headers": [*refusal.headers(), length]})
    await send({"type": "http.response.body", "body": body})
