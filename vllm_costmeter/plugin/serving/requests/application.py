"""What we put into vLLM's HTTP application, with Starlette, which vLLM has loaded by then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vllm_costmeter.outputs.page.answers import Answer
from vllm_costmeter.plugin.faults import FAULTS


def add_innermost_layer(app: Any, layer: Any, **given: Any) -> None:
    """`layer(app, **given)`, behind vLLM's own layers."""
    from starlette.middleware import Middleware

    app.user_middleware.append(Middleware(layer, **given))


def add_get_route(app: Any, path: str, where: str, answer: Callable[[Any], tuple[int, Any]]) -> None:
    """`answer(request)` returns a status and what is sent as JSON; it runs in the thread pool. An error is counted
    under `where` and becomes status 500, on this path only. Once for each path."""
    from starlette.responses import JSONResponse

    def endpoint(request: Any) -> Any:
        status, content = answer(request)
        return JSONResponse(content, status)

    _add(app, path, where, endpoint)


def add_get_answer(app: Any, path: str, where: str, answer: Callable[[Any], Answer]) -> None:
    """The same for an answer of any kind."""
    from starlette.responses import Response

    def endpoint(request: Any) -> Any:
        status, body, headers = answer(request)
        return Response(body, status, headers=dict(headers))

    _add(app, path, where, endpoint)


def _add(app: Any, path: str, where: str, endpoint: Callable[[Any], Any]) -> None:
    from starlette.routing import Route

    def counted(request: Any) -> Any:
        try:
            return endpoint(request)
        except Exception:
            FAULTS.add(where)
            raise

    if not any(getattr(route, "path", None) == path for route in app.router.routes):
        app.router.routes.append(Route(path, counted, methods=["GET"]))
