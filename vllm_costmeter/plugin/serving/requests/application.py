"""What we put into vLLM's HTTP application, with Starlette, which vLLM has loaded by then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vllm_costmeter.outputs.page.answers import Answer
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.api_keys import api_keys, may_pass


def add_innermost_layer(app: Any, layer: Any, **given: Any) -> None:
    """`layer(app, **given)`, behind vLLM's own layers."""
    from starlette.middleware import Middleware

    app.user_middleware.append(Middleware(layer, **given))


def keys_of(request: Any) -> tuple[str, ...]:
    """The API keys of the server that was asked."""
    return api_keys(getattr(request.app.state, "args", None))


def add_get_route(app: Any, path: str, fault: str, answer: Callable[[bool, Any], Answer]) -> None:
    """`answer(may_pass, request)`: whether the request has vLLM's API key, if it wants one. It runs in the thread pool;
    an error of ours is counted as this fault and becomes status 500, on this path only. Once for each path."""
    from starlette.responses import Response
    from starlette.routing import Route

    def endpoint(request: Any) -> Any:
        try:
            passes = may_pass(keys_of(request), request.headers.get("authorization", ""))
            status, body, headers = answer(passes, request)
            return Response(body, status, headers=dict(headers))
        except Exception:
            FAULTS.add(fault)
            raise

    if not any(getattr(route, "path", None) == path for route in app.router.routes):
        app.router.routes.append(Route(path, endpoint, methods=["GET"]))
