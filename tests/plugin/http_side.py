"""The HTTP side of a server without vLLM: an application as vLLM builds it, our layer and routes in it, and requests
that are answered on the caller's thread, where a trace follows them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import starlette.routing
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from vllm_costmeter.plugin.endpoint import CostMeterEndpoints
from vllm_costmeter.plugin.serving.requests.ticket import CURRENT

ANSWER = {"id": "cmpl-1", "choices": [{"text": "hello"}], "usage": {"completion_tokens": 3}}
OURS = ("/costmeter", "/costmeter/data", "/costmeter/requests/cmpl-1")
BROWSER = {"accept": "text/html", "x-costmeter-tenant": "acme"}

Exchange = Callable[[], None]


def http_side(monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """A call that builds an application and asks it for everything once; it raises where vLLM's own answer is not what
    it is without us, but for the price in its usage."""

    async def on_this_thread(function: Callable[..., Any], *given: Any) -> Any:
        return function(*given)

    monkeypatch.setattr(starlette.routing, "run_in_threadpool", on_this_thread)

    def exchange() -> None:
        app = Starlette(routes=[Route("/v1/completions", _completion, methods=["POST"])])
        CostMeterEndpoints().attach_router(app)
        status, body = asyncio.run(_ask(app, "POST", "/v1/completions"))
        answered = json.loads(body)
        answered["usage"].pop("cost", None)
        assert (status, answered) == (200, ANSWER)
        for path in OURS:
            asyncio.run(_ask(app, "GET", path))

    return exchange


async def _completion(request: Request) -> JSONResponse:
    assert await request.json() == {"user": "acme"}
    ticket = CURRENT.get()
    if ticket is not None:
        ticket.ids.append("cmpl-1")
    return JSONResponse(ANSWER)


async def _ask(app: Starlette, method: str, path: str) -> tuple[int, bytes]:
    """An error on a path of ours is one of that request: the web server logs it, and the client has status 500."""
    sent: list[Any] = []
    asked = [
        {"type": "http.request", "body": b'{"user": "acme"}', "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return asked.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in BROWSER.items()],
    }
    try:
        await app(scope, receive, send)
    except Exception:
        if method != "GET":
            raise
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:])
