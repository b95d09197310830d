"""What is answered about one request."""

from __future__ import annotations

from typing import Any

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.requests.ended import EndedRequest, ended
from vllm_costmeter.outputs.requests.request_json import request_json

ENDED = ended(
    3,
    ["chatcmpl-1"],
    [RequestWork(10, 4, 7)],
    ended_unix_seconds=1_795_890_457.5,
    model="m",
    tenant="acme",
    estimated_usd=1.23456789e-5,
)


def told(request: EndedRequest, **given: Any) -> dict[str, Any]:
    """As the route tells it."""
    return request_json(request, "chatcmpl-1", **{"shows_tenant": False} | given)


def test_an_estimate_is_called_one_until_it_is_settled() -> None:
    """The amount of the answer first, then what was charged, with both beside each other."""
    before = told(ENDED)
    assert (before["status"], before["cost"]["amount"], before["joules"]) == ("estimated", 1.23457e-5, None)
    assert before["cost"]["estimated"] is True
    settled = ENDED._replace(usd=2e-5, joules=3.0, charged_sequences=1, has_price=True, has_energy=True)
    assert told(settled) == {
        "schema": "costmeter.request/1",
        "id": "chatcmpl-1",
        "model": "m",
        "status": "settled",
        "outcome": "finished",
        "sequences": 1,
        "cost": {"amount": 2e-5, "currency": "USD", "source": "provider", "estimated": False},
        "estimated_usd": 1.23457e-5,
        "joules": 3.0,
        "tokens": {"prompt_computed": 10, "prompt_cached": 4, "generated": 7},
        "ended_at": "2026-11-28T18:27:37.500+00:00",
    }


def test_what_is_not_known_is_null_never_zero() -> None:
    """Without a price, without a driver."""
    settled = told(ENDED._replace(charged_sequences=1, estimated_usd=None))
    assert (settled["cost"], settled["estimated_usd"], settled["joules"]) == (None, None, None)


def test_the_tenant_is_named_only_where_a_key_was_asked_for() -> None:
    """And null if there is none."""
    assert "tenant" not in told(ENDED)
    assert told(ENDED, shows_tenant=True)["tenant"] == "acme"
    assert told(ENDED._replace(tenant=""), shows_tenant=True)["tenant"] is None
