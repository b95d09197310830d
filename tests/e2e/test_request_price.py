"""What a request cost, told by a real server to real clients; and a server that tells nothing answers like any vLLM."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import anthropic
import client
import openai
import pytest
from busy_time import settled
from harness import METERED, Serve
from patience import holds_within

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy

KEY = "sk-of-the-server"
HEADERS = {"Authorization": f"Bearer {KEY}"}
MESSAGES: Any = [{"role": "user", "content": "hello"}]
FIXED: dict[str, Any] = {"temperature": 0, "seed": 1, "max_tokens": 6}


ANSWERS: dict[str, dict[str, Any]] = {
    "chat/completions": {"messages": MESSAGES, **FIXED},
    "completions": {"prompt": "a", **FIXED},
    "responses": {"input": "hello", "temperature": 0, "max_output_tokens": 6},
    "messages": {"messages": MESSAGES, **FIXED},
    "embeddings": {"input": "hello"},
}
MASKED = re.compile(rb'"(created|created_at|id|item_id|completed_at)":("[^"]*"|[0-9.]+)|[0-9a-f]{16,}')


def answers(server: Server) -> dict[str, tuple[Any, ...]]:
    """Status, headers and bytes of each kind of answer, whole and streamed; ids and times masked. A stream is of one
    token: vLLM joins those that come faster than they are sent."""
    got: dict[str, tuple[Any, ...]] = {}
    for path, fields in ANSWERS.items():
        for stream in (False, True):
            body = {"model": "tiny", **fields}
            if stream:
                body |= {"stream": True} | {name: 1 for name in fields if name.endswith("_tokens")}
                body |= {"stream_options": {"include_usage": True}} if "completions" in path else {}
            answer = client.post(f"{server.url}/v1/{path}", json=body)
            headers = {name: value for name, value in answer.headers.items() if name != "date"}
            got[json.dumps(body)] = (answer.status_code, headers, MASKED.sub(b"", answer.content))
    return got


def test_with_the_setting_off_answers_are_vllms_own(serve: Serve) -> None:
    """Byte for byte, headers included, beside a server without the meter. First in this file: one server at a time."""
    with serve() as server:
        plain = answers(server)
    with serve(*METERED) as server:
        off = answers(server)
    assert off == plain
    failed = {name: got[-1] for name, got in plain.items() if got[0] != 200}
    assert all('"input"' in name for name in failed), failed  # this model makes no embeddings


@pytest.fixture(scope="module")
def priced(serve: Serve) -> Iterator[Server]:
    """Two API processes that tell the price everywhere, with an API key and tenants."""
    flags = ("--costmeter-request-price", "both", "--costmeter-tenant-from", "header", "--api-key", KEY)
    environment = {"VLLM_LOGGING_LEVEL": "DEBUG"}
    with serve(*METERED, *flags, "--api-server-count", "2", env=environment) as server:
        assert holds_within(
            lambda: all(tells_a_price(server) for _ in range(8)), 60
        )  # both processes know it
        yield server


def tells_a_price(server: Server) -> bool:
    """Whether the process that answered knows what an hour costs; it learns it within seconds of its start."""
    asked = {"model": "tiny", "prompt": "a", "max_tokens": 1}
    answer = client.post(f"{server.url}/v1/completions", json=asked, headers=HEADERS)
    return "x-costmeter-cost-usd" in answer.headers


def found(server: Server, request_id: str, status: str, **headers: str) -> dict[str, Any]:
    """What the route says of a request, once it has that status."""
    last: dict[str, Any] = {}

    def asked() -> bool:
        answer = client.get(f"{server.url}/costmeter/requests/{request_id}", headers=HEADERS | headers)
        last.clear()
        last.update(answer.json())
        return bool(last.get("status") == status)

    assert holds_within(asked, 30), last
    return last


def test_openais_client_gets_the_price_of_each_kind_of_answer(priced: Server) -> None:
    """Chat, completions of several prompts, responses; at once, and at the end of a stream."""
    openai_client = openai.OpenAI(base_url=f"{priced.url}/v1", api_key=KEY)
    chat, texts, responses = (
        openai_client.chat.completions,
        openai_client.completions,
        openai_client.responses,
    )
    raw = chat.with_raw_response.create(model="tiny", messages=MESSAGES, max_tokens=8)
    answer = raw.parse()
    costs: list[Any] = [answer.usage]
    assert float(raw.headers["x-costmeter-cost-usd"]) == answer.usage.cost["amount"]  # type: ignore[union-attr]
    costs.append(texts.create(model="tiny", prompt=["a", "b"], n=2, max_tokens=8).usage)
    costs.append(responses.create(model="tiny", input="hello", max_output_tokens=8).usage)
    options: Any = {"stream": True, "stream_options": {"include_usage": True}}
    *_, chunk = chat.create(model="tiny", messages=MESSAGES, max_tokens=8, **options)
    costs.append(chunk.usage)
    *_, event = responses.create(model="tiny", input="hello", max_output_tokens=8, stream=True)
    costs.append(event.response.usage)  # type: ignore[union-attr]
    for usage in costs:
        assert (usage.cost["currency"], usage.cost["source"]) == ("USD", "provider")
        assert usage.cost["amount"] > 0


def test_anthropics_client_gets_it_too(priced: Server) -> None:
    """vLLM's Messages API, whole and streamed."""
    messages = anthropic.Anthropic(base_url=priced.url, auth_token=KEY).messages
    whole = messages.create(model="tiny", messages=MESSAGES, max_tokens=8)
    assert whole.usage.cost["amount"] > 0  # type: ignore[attr-defined]
    with messages.stream(model="tiny", messages=MESSAGES, max_tokens=8) as stream:
        deltas = [event for event in stream if event.type == "message_delta"]
    assert deltas[-1].usage.cost["amount"] > 0  # type: ignore[attr-defined]


def test_any_process_finds_a_request_estimated_and_then_settled(priced: Server) -> None:
    """Over new connections, which reach both processes; the tenant is named to who has the key, nobody else learns
    anything."""
    body = {"model": "tiny", "prompt": ["hello", "there"], "max_tokens": 8}
    url = f"{priced.url}/v1/completions"
    answer = client.post(url, json=body, headers=HEADERS | {"X-Costmeter-Tenant": "acme"}).json()
    settled = found(priced, answer["id"], "settled")
    assert settled["tokens"]["generated"] == answer["usage"]["completion_tokens"]
    assert (settled["tenant"], settled["sequences"], settled["model"]) == ("acme", 2, "tiny")
    assert settled["cost"]["amount"] > 0
    assert settled["estimated_usd"] == answer["usage"]["cost"]["amount"]
    path = f"{priced.url}/costmeter/requests/{answer['id']}"
    for _ in range(8):
        assert client.get(path, headers=HEADERS).json() == settled
    for headers in ({}, {"Authorization": "Bearer other"}):
        assert client.get(path, headers=headers).status_code == 401
    assert holds_within(lambda: f"request {answer['id']}-0" in priced.log_text())
    log = priced.log_text()
    assert KEY not in "".join(
        line for line in log.splitlines() if "costmeter" in line and "non-default" not in line
    )


def test_what_requests_were_charged_is_the_servers_own_sum(priced: Server) -> None:
    """Each settled amount, added up, is what the histogram of requests gained."""
    before = settled(priced).total("costmeter_request_cost_usd_sum")  # earlier tests' requests are in it
    url = f"{priced.url}/v1/completions"
    ids = [
        client.post(url, json={"model": "tiny", "prompt": f"{n}", "max_tokens": 16}, headers=HEADERS).json()[
            "id"
        ]
        for n in range(6)
    ]
    total = sum(found(priced, each, "settled")["cost"]["amount"] for each in ids)
    assert holds_within(
        lambda: (
            scrape(priced.url).total("costmeter_request_cost_usd_sum") - before
            == pytest.approx(total, rel=1e-6)
        )
    )
    assert scrape(priced.url).total("costmeter_errors_total") == 0
