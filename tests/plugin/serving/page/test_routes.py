"""`GET /costmeter` and its data in a real application: who may ask, and what is answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, Counter

from vllm_costmeter.core.page.columns import Sample
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.metering.live_page import LivePage
from vllm_costmeter.outputs.metrics import status_json
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.page.routes import add_page_routes
from vllm_costmeter.plugin.serving.requests import attaching
from vllm_costmeter.plugin.starting.server_settings import remember_settings

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
SAMPLES = [
    Sample("costmeter_tokens_total", {"model_name": "<script>alert(1)</script>", "kind": "generated"}, 7.0)
]


def page(samples: Callable[[], Any] = lambda: SAMPLES) -> LivePage:
    return LivePage(samples, instance="a1")


def client(live: LivePage | None, api_key: Any = None, root_path: str = "") -> TestClient:
    """Of an application with vLLM's arguments; attached twice, as vLLM 0.26 and later do."""
    app = FastAPI(root_path=root_path)
    app.state.args = SimpleNamespace(api_key=api_key)
    add_page_routes(app, live)
    add_page_routes(app, live)
    return TestClient(app, root_path=root_path, raise_server_exceptions=False)


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_API_KEY", raising=False)


def test_a_browser_gets_a_page_and_everyone_else_json() -> None:
    """By the Accept header, which caches are told."""
    http = client(page())
    shown = http.get("/costmeter", headers={"Accept": BROWSER})
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    for accept in ("*/*", "application/json", "", "text/html;q=0", "text/plain"):
        answer = http.get("/costmeter", headers={"Accept": accept})
        assert answer.json()["schema"] == "costmeter.status/1", accept
        assert answer.headers["vary"] == "Accept"


def test_the_data_hold_the_metrics_and_their_history() -> None:
    """Names are data: whatever they are, the document is JSON and says so."""
    live = page()
    live.note()
    answer = client(live).get("/costmeter/data")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    found = answer.json()
    assert (found["schema"], found["instance"]) == ("costmeter.status/1", "a1")
    assert found["metrics"]["costmeter_tokens_total"][0]["value"] == 7.0
    assert found["history"]["columns"] == [["", "tokens:generated"]]
    assert [row[1] for row in found["history"]["rows"]] == [7, 7]


def test_with_keys_only_their_owners_get_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page itself, which holds none, is open: a browser cannot send a key with its first request."""
    for given in (["sk-1", "sk-2"], "sk-2", None):
        monkeypatch.setenv("VLLM_API_KEY", "sk-environment" if given else "sk-2")
        http = client(page(), given)
        assert http.get("/costmeter", headers={"Accept": BROWSER}).status_code == 200
        assert "sk-" not in http.get("/costmeter", headers={"Accept": BROWSER}).text
        for path in ("/costmeter", "/costmeter/data", "/costmeter/data?instance=a1&since=0"):
            for key in ("Bearer sk-2", "bearer sk-2"):
                assert http.get(path, headers={"Authorization": key}).status_code == 200
            for key in ("", "Bearer ", "Bearer sk", "Basic sk-2", "sk-2", "Bearer sk-environment"):
                answer = http.get(path, headers={"Authorization": key})
                assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"}), key


def test_a_root_path_is_honoured() -> None:
    """Behind a proxy that strips it, and before one that does not."""
    http = client(page(), root_path="/llm")
    for path in ("/costmeter/data", "/llm/costmeter/data", "/llm/costmeter"):
        assert http.get(path).status_code == 200


@pytest.mark.parametrize(
    "query", ["since=x", "since=nan", "since=-inf", "instance=%00", "since=1&since=2", "&=&", "a" * 900]
)
def test_a_question_that_makes_no_sense_gets_everything(query: str) -> None:
    """Never an error."""
    live = page()
    live.note()
    answer = client(live).get(f"/costmeter/data?{query}")
    assert answer.status_code == 200
    assert len(answer.json()["history"]["rows"]) == 2


def test_nothing_but_get_is_answered() -> None:
    """HEAD is GET without a body."""
    http = client(page())
    assert http.head("/costmeter").status_code == 200
    for path in ("/costmeter", "/costmeter/data"):
        assert http.post(path).status_code == 405
        assert http.delete(path).status_code == 405


def test_an_error_of_ours_is_counted_and_stays_on_this_path() -> None:
    """Status 500, with nothing of ours in it."""

    def broken() -> Any:
        raise OSError("/secret/path")

    before = FAULTS.counts().get("endpoint", 0)
    answer = client(page(broken)).get("/costmeter/data")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert FAULTS.counts()["endpoint"] == before + 1


@pytest.mark.parametrize(("mode", "routes"), [("on", 3), ("off", 0)])
def test_the_setting_removes_every_route_of_ours(
    mode: Any, routes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page, its data and the prices of requests."""
    monkeypatch.setenv("_COSTMETER_SETTINGS", "")
    remember_settings(Settings(page=mode))
    app = FastAPI()
    attaching.attach(app)
    paths = [str(getattr(route, "path", "")) for route in app.router.routes]
    assert len([path for path in paths if path.startswith("/costmeter")]) == routes


def test_a_process_without_a_meter_says_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The metrics of ours that /metrics has at that moment, as of now and as the only moment; nobody else's."""
    registry = CollectorRegistry()
    monkeypatch.setattr(status_json, "_server_registry", lambda: registry)
    tokens = Counter("costmeter_tokens_total", "", ["kind"], registry=registry)
    Counter("vllm_prompts_total", "", registry=registry).inc()
    asked = client(None)
    tokens.labels("generated").inc(7)
    found = json.loads(asked.get("/costmeter/data").content)
    assert found["schema"] == "costmeter.status/1"
    told = {name: [each["value"] for each in samples] for name, samples in found["metrics"].items()}
    assert told["costmeter_tokens_total"] == [7]
    assert all(name.startswith("costmeter_") for name in told)
    assert found["history"]["columns"] == [["", "tokens:generated"]]
    assert [row[1:] for row in found["history"]["rows"]] == [[7]]
    assert len(found["instance"]) == 12
