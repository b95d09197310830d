"""What we put into vLLM's HTTP application, with Starlette, which vLLM has loaded by then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def add_innermost_layer(app: Any, layer: Any, **given: Any) -> None:
    """`layer(app, **given)`, behind vLLM's own layers."""
    from starlette.middleware import Middleware

    app.user_middleware.append(Middleware(layer, **given))


def add_get_route(app: Any, path: str, answer: Callable[[Any], tuple[int, Any]]) -> None:
    """`answer(request)` returns a status and what is sent as JSON; it runs in the thread pool. Once for each path."""
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    if any(getattr(route, "path", None) == path for route in app.router.routes):
        return

    def endpoint(request: Any) -> Any:
        status, content = answer(request)
        return JSONResponse(content, status)

    app.router.routes.append(Route(path, endpoint, methods=["GET"]))
