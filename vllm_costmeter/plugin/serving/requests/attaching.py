"""Puts our layer into vLLM's HTTP application, in every release that has a Python front end."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

from vllm_costmeter.metering.live_page import LivePage
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.page.routes import add_page_routes
from vllm_costmeter.plugin.serving.requests.application import add_innermost_layer
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
from vllm_costmeter.plugin.serving.requests.price_route import add_price_route
from vllm_costmeter.plugin.starting.server_settings import remembered_settings
from vllm_costmeter.plugin.wrapping import wrap_once

log = logging.getLogger("vllm.costmeter")

_desks: list[RequestDesk] = []
_pages: list[LivePage] = []
BUILDERS = ("vllm.entrypoints.openai.api_server", "vllm.entrypoints.launchers.api_server.entry")
"""The modules whose `build_app` vLLM calls: the first from 0.17 to 0.28, the second since 0.29."""


def show(page: LivePage) -> None:
    """The page of the next application."""
    _pages[:] = [page]


def follow(desk: RequestDesk) -> None:
    """The requests of the next application."""
    _desks[:] = [desk]


def attach_to_next_app() -> None:
    """The application of this process is built after its engine, by a function that is wrapped here. Since 0.26 vLLM
    also gives it to our endpoint plugin, which calls `attach`, but only where `--plugin` or VLLM_PLUGINS names us."""
    for name in BUILDERS:
        module = sys.modules.get(name)
        if getattr(module, "build_app", None) is not None:
            wrap_once(module, "build_app", _attaching)


def attach(app: Any) -> None:
    """Our routes, unless the page is off, and our layer innermost, so that vLLM's own layers (its API key, CORS) come
    first. Once for each application."""
    try:
        if getattr(app.state, "costmeter", False):
            return
        app.state.costmeter = True
        prices = _desks[-1].prices if _desks else None
        if _has_page():
            add_page_routes(app, _pages[-1] if _pages else None)
            add_price_route(app, None if prices is None else prices.keeper)
        if not _desks:
            return
        from vllm_costmeter.plugin.serving.requests.middleware import RequestMiddleware

        add_innermost_layer(app, RequestMiddleware, desk=_desks[-1])
        if prices is not None:
            from vllm_costmeter.plugin.serving.requests.pricing import PricingMiddleware

            add_innermost_layer(app, PricingMiddleware, prices=prices, tenant=_desks[-1].tenant)
    except Exception:
        FAULTS.add("request")
        log.exception("costmeter: requests cannot be followed; the server continues without")


def _has_page() -> bool:
    settings = remembered_settings()
    return settings is None or settings.page == "on"


def _attaching(build: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(build)
    def build_app(*args: Any, **kwargs: Any) -> Any:
        app = build(*args, **kwargs)
        attach(app)
        return app

    return build_app
