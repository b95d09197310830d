"""Our layers and route in a real FastAPI application, put there as in vLLM's."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.meter.shares.work_pools import PerPool, RequestRates, Spent
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.metering.request_keeper import RequestKeeper
from vllm_costmeter.outputs.metrics.process_exchange import PublishedRates
from vllm_costmeter.plugin.serving.requests import attaching
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
from vllm_costmeter.plugin.serving.requests.prices import RequestPrices
from vllm_costmeter.plugin.serving.requests.ticket import CURRENT

RATES = RequestRates(PerPool(prefill=Spent(1e-6), decode=Spent(2e-6)))


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> RequestDesk:
    """Of a process that tells prices and tenants."""
    keeper = RequestKeeper()
    keeper.tick(PublishedRates(1.0, RATES, True, False, RATES, 1.0))
    prices = RequestPrices("both", keeper, model="m", engines=1)
    made = RequestDesk(Settings(tenant_from=("key",)), lambda: b"0" * 32, prices)
    monkeypatch.setattr(attaching, "_desks", [made])
    return made


def application(desk: RequestDesk) -> FastAPI:
    """With one route of an API that runs one sequence for each request, and the endpoint before ours is attached."""
    app = FastAPI()
    app.state.args = SimpleNamespace(api_key=["sk-1"])

    async def complete() -> dict[str, Any]:
        ticket = CURRENT.get()
        state = SimpleNamespace(lora_name=None, external_req_id="cmpl-1-0")
        mark = desk.admit(ticket, state)
        if ticket is not None:
            desk.end(ticket, RequestWork(10, 0, 5, 0, *mark))
        return {"id": "cmpl-1", "usage": {"total_tokens": 15}}

    app.add_api_route("/v1/completions", complete, methods=["GET", "POST"])
    return app


def test_a_request_is_priced_and_found(desk: RequestDesk) -> None:
    """However often we are attached: since 0.26 vLLM gives us each application it makes, and before it is wrapped."""
    app = application(desk)
    for _ in range(2):
        attaching.attach(app)
    http = TestClient(app, headers={"Authorization": "Bearer sk-1"})
    for _ in range(3):
        answer = http.post("/v1/completions", json={})
        assert answer.json()["usage"]["cost"]["amount"] == 2e-5
        assert answer.headers["x-costmeter-cost-usd"] == "0.00002"
    kept = http.get("/costmeter/requests/cmpl-1").json()
    assert (kept["estimated_usd"], kept["tokens"]["generated"]) == (2e-5, 5)
    assert kept["tenant"].startswith("key:")
    assert "sk-1" not in str(kept)


def test_what_is_no_request_of_the_api_has_no_price(desk: RequestDesk) -> None:
    """A GET: our layers let it pass."""
    app = application(desk)
    attaching.attach(app)
    assert TestClient(app).get("/v1/completions").json()["usage"] == {"total_tokens": 15}


def test_an_application_of_a_server_that_follows_nobody_gets_the_route_alone(
    monkeypatch: pytest.MonkeyPatch, desk: RequestDesk
) -> None:
    """It says how prices are turned on; answers are untouched."""
    monkeypatch.setattr(attaching, "_desks", [])
    app = application(desk)
    attaching.attach(app)
    assert app.user_middleware == []
    http = TestClient(app, headers={"Authorization": "Bearer sk-1"})
    assert http.post("/v1/completions", json={}).json()["usage"] == {"total_tokens": 15}
    assert http.get("/costmeter/requests/cmpl-1").status_code == 404


@pytest.mark.parametrize("module", ["openai.api_server", "launchers.api_server.entry"])
def test_the_next_application_is_ours_without_an_endpoint_plugin(
    desk: RequestDesk, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """vLLM loads endpoint plugins only by name, and none before 0.26: where the meter is on by another setting, the
    function that builds the application is wrapped, once, wherever the release has it."""
    builder: Any = ModuleType(f"vllm.entrypoints.{module}")
    builder.build_app = lambda *given: application(desk)
    monkeypatch.setitem(sys.modules, builder.__name__, builder)
    for _ in range(2):
        attaching.follow(desk)
        attaching.attach_to_next_app()
    app = builder.build_app("args", ("generate",))
    assert len(app.user_middleware) == 2
    http = TestClient(app, headers={"Authorization": "Bearer sk-1"})
    assert http.post("/v1/completions", json={}).json()["usage"]["cost"]["currency"] == "USD"
