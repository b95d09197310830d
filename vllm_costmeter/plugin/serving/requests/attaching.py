"""Puts our layer into vLLM's HTTP application, in every release that has a Python front end."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk

log = logging.getLogger("vllm.costmeter")

_desks: list[RequestDesk] = []
_API_SERVER = "vllm.entrypoints.openai.api_server"


def attach_to_next_app(desk: RequestDesk) -> None:
    """The application of this process is built after its engine. Since 0.26 vLLM gives it to our endpoint plugin, which
    calls `attach`; before, the function that builds it is wrapped."""
    _desks[:] = [desk]
    plugins, module = sys.modules.get("vllm.plugins"), sys.modules.get(_API_SERVER)
    build = getattr(module, "build_app", None)
    if (
        not hasattr(plugins, "load_endpoint_plugins")
        and build is not None
        and not hasattr(build, "costmeter_original")
    ):
        module.build_app = _attaching(build)  # type: ignore[union-attr]


def attach(app: Any) -> None:
    """Innermost, so that vLLM's own layers (its API key, CORS) come first. Once for each application."""
    try:
        if not _desks or getattr(app.state, "costmeter", False):
            return
        from starlette.middleware import Middleware

        from vllm_costmeter.plugin.serving.requests.middleware import RequestMiddleware

        app.user_middleware.append(Middleware(RequestMiddleware, desk=_desks[-1]))
        app.state.costmeter = True
    except Exception:
        FAULTS.add("request")
        log.exception("costmeter: requests cannot be followed; the server continues without")


def _attaching(build: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(build)
    def build_app(*args: Any, **kwargs: Any) -> Any:
        app = build(*args, **kwargs)
        attach(app)
        return app

    build_app.costmeter_original = build  # type: ignore[attr-defined]
    return build_app
