"""`GET /costmeter/requests/{id}`: what a request of the last hour cost."""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import Any

from vllm_costmeter.core.requests.ended import LONGEST_ID
from vllm_costmeter.metering.request_keeper import RequestKeeper
from vllm_costmeter.outputs.page.answers import JSON, REFUSED, Answer
from vllm_costmeter.outputs.requests.request_json import request_json
from vllm_costmeter.plugin.activation import NAME
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.application import add_get_route, keys_of

log = logging.getLogger("vllm.costmeter")

PATH = f"/{NAME}/requests/{{request_id:path}}"


def add_price_route(app: Any, keeper: RequestKeeper | None) -> None:
    """Once for each application. `keeper`: None if prices of requests are off; the route then says so."""
    try:
        add_get_route(app, PATH, "request", partial(price_of_request, keeper))
    except Exception:
        FAULTS.add("request")
        log.exception("costmeter: /%s/requests could not be added; the server continues without it", NAME)


def price_of_request(keeper: RequestKeeper | None, may_pass: bool, request: Any) -> Answer:
    """Of the request with the id in the path."""
    if not may_pass:
        return REFUSED
    if keeper is None:
        return _not_found(
            "prices of requests are off; start the server with --costmeter-request-price record"
        )
    request_id = request.path_params["request_id"]
    found = keeper.find(request_id) if len(request_id) <= LONGEST_ID else None
    if found is None:
        return _not_found("no request with this id has ended in the last hour; the id is that of its answer")
    told = request_json(found, request_id, shows_tenant=bool(keys_of(request)))
    return 200, json.dumps(told, allow_nan=False).encode(), JSON


def _not_found(message: str) -> Answer:
    """In the form of OpenAI's API."""
    error = {"message": message, "type": "NotFoundError", "param": None, "code": 404}
    return 404, json.dumps({"error": error}).encode(), JSON
