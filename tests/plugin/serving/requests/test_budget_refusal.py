"""What vLLM's application gets of requests when a budget is spent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from budget_worlds import NOON, World, budget
from plugin.line_faults import LineFaults

pytest.importorskip("vllm")

from vllm_costmeter.core.budgets.refusal import Refusal, makes_work
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.plugin.serving.budgets import refused_families
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
from vllm_costmeter.plugin.serving.requests.middleware import RequestMiddleware

SETTINGS = Settings(tenant_from=("header", "user"), tenant_trusted=("any",), budget_action="refuse")
COMPLETIONS = "/v1/completions"


class Served:
    """An application that notes what it gets, behind our layer."""

    def __init__(self, settings: Settings = SETTINGS, *spent: str) -> None:
        self.bodies: list[bytes] = []
        self.sent: list[Any] = []
        self.desk = RequestDesk(settings, lambda: b"secret")
        self.world = World([budget(tenant, 1.0) for tenant in spent])
        self.world.total = dict.fromkeys(spent, 1.0)
        self.world.keeper._gate = self.desk.gate
        self.world.keeper._monotonic_seconds = self.desk.gate._monotonic_seconds
        self.desk.gate._unix_seconds = lambda: NOON
        self.world.keeper.read()

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        """The application."""
        self.bodies.append((await receive()).get("body", b""))
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def ask(self, path: str = COMPLETIONS, kind: str = "http", method: str = "POST", **tenant: str) -> int:
        """The status of the answer to a request whose tenant its header or body names."""
        headers = [(b"x-costmeter-tenant", tenant["header"].encode())] if "header" in tenant else []
        body = json.dumps({"user": tenant["user"]} if "user" in tenant else {}).encode()
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])
        self.sent = []

        async def receive() -> Any:
            return next(messages)

        async def send(message: Any) -> None:
            self.sent.append(message)

        scope = {"type": kind, "path": path, "method": method, "headers": headers, "client": ("10.0.0.1", 1)}
        asyncio.run(RequestMiddleware(self, self.desk)(scope, receive, send))
        status: int = self.sent[0]["status"]
        return status


def test_a_tenant_whose_budget_is_spent_gets_openais_error_and_vllm_nothing() -> None:
    """By whatever names the tenant; status 429 and when to come again, but not whose budget it is."""
    served = Served(SETTINGS, "acme")
    for tenant in ({"header": "acme"}, {"user": "acme"}, {"header": " acme\t"}):
        assert served.ask(**tenant) == 429
    assert served.bodies == []
    (refused,) = refused_families("m", served.desk)
    assert refused.samples == (((("model_name", "m"), ("tenant", served.desk.label("acme"))), 3.0),)
    start, body = served.sent
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"retry-after"] == b"39600"
    assert headers[b"x-should-retry"] == b"false"
    assert int(headers[b"content-length"]) == len(body["body"])
    error = json.loads(body["body"])["error"]
    assert (error["type"], error["code"], error["param"]) == (
        "insufficient_quota",
        "insufficient_quota",
        None,
    )
    assert "2026-11-30T23:00:00Z" in error["message"]
    assert b"acme" not in body["body"]


def test_all_others_are_served_as_they_came() -> None:
    """Other tenants, requests without one, other methods, WebSockets; with the body that they sent."""
    served = Served(SETTINGS, "acme")
    assert [served.ask(header="globex"), served.ask(user="globex"), served.ask()] == [200] * 3
    assert json.loads(served.bodies[1]) == {"user": "globex"}
    assert served.ask(header="acme", method="GET") == 200
    assert served.ask(header="acme", kind="websocket") == 200


def test_requests_without_a_tenant_may_have_a_budget_too() -> None:
    """Nobody escapes it by calling themselves so."""
    served = Served(SETTINGS, "untagged")
    assert [served.ask(), served.ask(header="untagged"), served.ask(header="acme")] == [429, 429, 200]


@pytest.mark.parametrize(
    "path", ["/sleep", "/tokenize", "/v1/load_lora_adapter", "/v1/responses/1/cancel", "/", "", "/v1/new"]
)
def test_what_costs_no_gpu_time_is_served(path: str) -> None:
    """Operators reach their server whatever is spent."""
    assert Served(SETTINGS, "untagged").ask(path) == 200
    assert not makes_work(path)


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/root/v1/responses", "/v1/embeddings/", "/v1/messages", "/pooling"]
)
def test_what_costs_gpu_time_is_refused(path: str) -> None:
    """Under a root path too."""
    assert Served(SETTINGS, "untagged").ask(path) == 429


def test_nobody_is_refused_for_another_tenants_budget() -> None:
    """Where an adapter may still decide whose a request is, only who is named before it is refused."""
    sources = ("header", "adapter", "user")
    served = Served(
        Settings(tenant_from=sources, tenant_trusted=("any",), budget_action="refuse"), "acme", "untagged"
    )
    assert [served.ask(header="acme"), served.ask(user="acme"), served.ask()] == [429, 200, 200]


def test_without_the_setting_nobody_is_refused() -> None:
    """The figures are published all the same."""
    assert (
        Served(Settings(tenant_from=("header",), tenant_trusted=("any",)), "acme").ask(header="acme") == 200
    )


def test_a_failure_here_serves_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the gate, and in the answer itself."""
    served = Served(SETTINGS, "acme")

    def broken(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(Refusal, "body", broken)
    assert served.ask(header="acme") == 200
    monkeypatch.setattr(served.desk.gate, "_unix_seconds", broken)
    assert served.ask(header="acme") == 200


def test_a_tenant_with_a_budget_cannot_hide_behind_a_crowd_of_names() -> None:
    """It has an account of its own beyond the limit."""
    served = Served(Settings(tenant_from=("header",), tenant_limit=3, budget_action="refuse"), "acme")
    for number in range(100):
        served.desk.numbers.of(f"crowd {number}")
    assert served.desk.numbers.name(served.desk.numbers.of("acme")) == "acme"
    assert served.desk.numbers.name(served.desk.numbers.of("globex")) == "other"


def test_a_fault_at_any_line_serves_the_request() -> None:
    """Every line that refuses fails once: nothing leaves, and vLLM gets the request."""
    served, parts = Served(SETTINGS, "acme"), ("/budget_gate", "/budgets/refusal", "/budget_refusal")
    faults = LineFaults(parts)
    with faults.watching():
        assert served.ask(header="acme") == 429
    walked = 0
    for line in faults.reached:
        broken = LineFaults(parts, line)
        with broken.watching():
            status = served.ask(header="acme")
        walked += broken.fired
        assert status == (200 if broken.fired else 429), line
    assert walked > 10


def test_refusals_are_counted_only_where_somebody_may_be_refused() -> None:
    """A budget begins at 0, so that the first refusal is a rise; without tenants or the action there is nothing."""
    served = Served(SETTINGS, "acme")
    assert served.desk.refused() == {"acme": 0}
    assert refused_families("m", None) == ()
    settings = Settings(tenant_from=("header",), tenant_trusted=("any",))
    assert refused_families("m", Served(settings, "acme").desk) == ()
