"""`GET /costmeter/requests/{id}` in a real application: who may ask, and what is answered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.requests.ended import ended
from vllm_costmeter.metering.request_keeper import RequestKeeper
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.api_keys import api_keys, may_pass
from vllm_costmeter.plugin.serving.requests.price_route import add_price_route


def kept(*ids: str) -> RequestKeeper:
    """With one request of a tenant."""
    keeper = RequestKeeper(unix_seconds=lambda: 1000.0)
    named: Any = {"ended_unix_seconds": 999.0, "model": "m", "tenant": "acme", "estimated_usd": 2e-5}
    keeper.end(ended(1, ids, [RequestWork(10, 4, 7)], **named))
    return keeper


def client(keeper: RequestKeeper | None, api_key: Any = None, root_path: str = "") -> TestClient:
    """Of an application with vLLM's arguments."""
    app = FastAPI(root_path=root_path)
    app.state.args = SimpleNamespace(api_key=api_key)
    add_price_route(app, keeper)
    add_price_route(app, keeper)
    return TestClient(app, root_path=root_path)


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_API_KEY", raising=False)


def test_without_keys_anybody_may_ask_and_no_tenant_is_named() -> None:
    """As with vLLM's own API."""
    answer = client(kept("chatcmpl-1")).get("/costmeter/requests/chatcmpl-1")
    assert (answer.status_code, answer.json()["cost"]["amount"]) == (200, 2e-5)
    assert "tenant" not in answer.json()
    assert "acme" not in answer.text


@pytest.mark.parametrize("given", [["sk-1", "sk-2"], "sk-2", None])
def test_with_keys_only_their_owners_may_ask(given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """From `--api-key`, or else VLLM_API_KEY; a tenant is named. Others do not even learn whether a request exists."""
    monkeypatch.setenv("VLLM_API_KEY", "sk-environment" if given else "sk-2")
    http = client(kept("chatcmpl-1"), given)
    for scheme in ("Bearer", "bearer"):
        answer = http.get("/costmeter/requests/chatcmpl-1", headers={"Authorization": f"{scheme} sk-2"})
        assert (answer.status_code, answer.json()["tenant"]) == (200, "acme")
    for refused in (
        "Bearer sk-environment",
        "Bearer sk",
        "Bearer ",
        "sk-2",
        "Basic sk-2",
        "Bearer sk-2 ",
        "",
    ):
        for path in ("chatcmpl-1", "none"):
            answer = http.get(f"/costmeter/requests/{path}", headers={"Authorization": refused})
            assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"}), refused


@pytest.mark.parametrize("path", ["none", "x" * 600, "a/b/c", "%00", "..%2f"])
def test_an_id_that_is_not_known_is_one_clear_line(path: str) -> None:
    """In the form of OpenAI's errors."""
    answer = client(kept("chatcmpl-1")).get(f"/costmeter/requests/{path}")
    assert answer.status_code == 404
    assert "no request with this id" in answer.json()["error"]["message"]


def test_ids_that_clients_choose_are_found() -> None:
    """With a slash, a space, other letters."""
    for request_id in ("cmpl-a/b-0", "chatcmpl-ü x"):
        answer = client(kept(request_id)).get(f"/costmeter/requests/{request_id}")
        assert answer.json()["id"] == request_id


def test_a_root_path_is_honoured() -> None:
    """Behind a proxy that strips it, and before one that does not."""
    http = client(kept("chatcmpl-1"), root_path="/llm")
    for path in ("/costmeter/requests/chatcmpl-1", "/llm/costmeter/requests/chatcmpl-1"):
        assert http.get(path).status_code == 200


def test_a_server_that_keeps_no_prices_says_how_to() -> None:
    """404 with the flag."""
    answer = client(None).get("/costmeter/requests/chatcmpl-1")
    assert answer.status_code == 404
    assert "--costmeter-request-price" in answer.json()["error"]["message"]


def test_keys_are_compared_whole() -> None:
    """Of any letters; no keys let everybody in."""
    assert may_pass((), "")
    assert may_pass(("kéy",), "Bearer kéy")
    assert not may_pass(("key",), "Bearer ke")
    assert api_keys(None, {}) == ()
    assert api_keys(SimpleNamespace(api_key=[""]), {"VLLM_API_KEY": "e"}) == ()
    assert api_keys(SimpleNamespace(api_key=[]), {"VLLM_API_KEY": "e"}) == ("e",)


class Broken:
    """A keeper whose disk fails."""

    def find(self, request_id: str) -> None:
        raise OSError


def test_an_error_of_ours_is_counted_and_stays_on_this_path() -> None:
    """Status 500, with nothing of ours in it."""
    keeper: Any = Broken()
    http = TestClient(client(keeper).app, raise_server_exceptions=False)
    before = FAULTS.counts().get("request", 0)
    assert http.get("/costmeter/requests/a").status_code == 500
    assert FAULTS.counts()["request"] == before + 1
