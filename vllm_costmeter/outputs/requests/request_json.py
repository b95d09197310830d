"""What `GET /costmeter/requests/{id}` answers about one request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from vllm_costmeter.core.requests.ended import EndedRequest
from vllm_costmeter.outputs.requests.usage_cost import CURRENCY, PROVIDER, decimal

SCHEMA = "costmeter.request/1"


def request_json(request: EndedRequest, request_id: str, *, shows_tenant: bool) -> dict[str, Any]:
    """`cost` has the settled amount once each sequence was charged, and the estimate of the answer before; null if
    neither is known. `joules` is null until then, and where energy is not measured."""
    settled = request.is_settled
    estimate = None if request.estimated_usd is None else float(decimal(request.estimated_usd))
    amount = (request.usd if request.has_price else None) if settled else estimate
    cost = {"amount": amount, "currency": CURRENCY, "source": PROVIDER, "estimated": not settled}
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "id": request_id,
        "model": request.model,
        "status": "settled" if settled else "estimated",
        "outcome": request.outcome,
        "sequences": request.sequences,
        "cost": None if amount is None else cost,
        "estimated_usd": estimate,
        "joules": request.joules if settled and request.has_energy else None,
        "tokens": {
            "prompt_computed": request.prompt_computed_tokens,
            "prompt_cached": request.prompt_cached_tokens,
            "generated": request.generated_tokens,
        },
        "ended_at": datetime.fromtimestamp(request.ended_unix_seconds, UTC).isoformat(
            timespec="milliseconds"
        ),
    }
    if shows_tenant:
        found["tenant"] = request.tenant or None
    return found
