"""`GET /costmeter` and `GET /costmeter/data` in vLLM's application, with its API key."""

from __future__ import annotations

import logging
from typing import Any

from vllm_costmeter.metering.live_page import LivePage
from vllm_costmeter.outputs.metrics.status_json import own_families, samples_of, status
from vllm_costmeter.outputs.page.answers import page_data, page_or_status
from vllm_costmeter.plugin.activation import NAME
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.page.identity import identity
from vllm_costmeter.plugin.serving.requests.api_keys import api_keys, may_pass
from vllm_costmeter.plugin.serving.requests.application import add_get_answer

log = logging.getLogger("vllm.costmeter")

PATH, DATA_PATH = f"/{NAME}", f"/{NAME}/data"


def add_page_routes(app: Any, live: LivePage | None) -> None:
    """Once for each application. `live`: None if the meter of this process does not run."""
    try:
        shown = live or LivePage(lambda: samples_of(own_families()), instance=identity()[0])
        add_get_answer(
            app,
            PATH,
            "endpoint",
            lambda asked: page_or_status(_passes(asked), asked.headers.get("accept", ""), status),
        )
        add_get_answer(
            app,
            DATA_PATH,
            "endpoint",
            lambda asked: page_data(_passes(asked), asked.url.query, shown.data),
        )
    except Exception:
        FAULTS.add("endpoint")
        log.exception("costmeter: /%s could not be added; the server continues without it", NAME)


def _passes(request: Any) -> bool:
    keys = api_keys(getattr(request.app.state, "args", None))
    return may_pass(keys, request.headers.get("authorization", ""))
