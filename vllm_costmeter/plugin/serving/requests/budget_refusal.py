"""HTTP 429 for a tenant whose budget is spent."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from vllm_costmeter.core.budgets.refusal import STATUS, Refusal


def answer(refusal: Refusal) -> tuple[MutableMapping[str, Any], MutableMapping[str, Any]]:
    """The two messages (ASGI 3) that answer an HTTP request, whose body may be unread."""
    body = refusal.body()
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": STATUS, "headers": [*refusal.headers(), length]}
    return start, {"type": "http.response.body", "body": body}
