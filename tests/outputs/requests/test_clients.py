"""The clients that people have read a priced answer of a real server, as recorded: whole, and as a stream."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from vllm_costmeter.outputs.requests.usage_cost import cost_member, cost_number, event_with_cost, with_cost

USAGE = b'"usage":{"prompt_tokens":19,"total_tokens":23,"completion_tokens":4,"prompt_tokens_details":null}'
WHOLE = (
    b'{"id":"chatcmpl-9847241b3e9f2ff9","object":"chat.completion","created":1795890454,"model":"tiny","choices":[{"index":'
    b'0,"message":{"role":"assistant","content":"m~Q","refusal":null,"annotations":null,"audio":null,"function_call":null,'
    b'"reasoning":null},"logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null}],"service_tier":null,'
    b'"system_fingerprint":null,' + USAGE + b',"prompt_logprobs":null,"kv_transfer_params":null}'
)
CHUNK = b'data: {"id":"chatcmpl-9847241b3e9f2ff9","object":"chat.completion.chunk","created":1795890454,"model":"tiny",'
STREAM = (
    CHUNK + b'"choices":[{"index":0,"delta":{"role":"assistant","content":"m"},"finish_reason":null}]}\n\n',
    CHUNK + b'"choices":[{"index":0,"delta":{"content":""},"finish_reason":"length","token_ids":null}]}\n\n',
    CHUNK + b'"choices":[],' + USAGE + b"}\n\n",
    b"data: [DONE]\n\n",
)
"""Of vLLM 0.32.0, 2026-11-28."""
COSTS = {"object": cost_member(0.0125), "number": cost_number(0.0125)}
ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
STREAMED: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture(params=COSTS)
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an API that answers so."""
    cost = COSTS[request.param]
    whole = with_cost(WHOLE, cost) or b""
    stream = b"".join(event_with_cost(event, cost) or event for event in STREAM)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            streams = b'"stream":true' in self.rfile.read(int(self.headers["content-length"])).replace(
                b" ", b""
            )
            body = stream if streams else whole
            self.send_response(200)
            self.send_header("content-type", "text/event-stream" if streams else "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_address[1]}/v1"
    http.shutdown()
    http.server_close()
    thread.join()


def amount(cost: Any) -> float:
    """Of either form."""
    return float(cost["amount"] if isinstance(cost, dict) else cost)


def test_openai(server: str) -> None:
    """Its usage has the cost."""
    openai = pytest.importorskip("openai")
    chat = openai.OpenAI(base_url=server, api_key="none").chat.completions
    assert amount(chat.create(model="tiny", **ASKED).usage.cost) == 0.0125
    *_, last = chat.create(model="tiny", **ASKED, **STREAMED)
    assert amount(last.usage.cost) == 0.0125


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm"])
def test_litellm(server: str, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the amount as what the request cost, with no price configured for the model."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own; docs/request_price.md tells of the one about objects
        litellm = pytest.importorskip("litellm")
        given = {"model": f"{provider}/tiny", "api_base": server, "api_key": "none"}
        answer = litellm.completion(**given, **ASKED)
        assert answer._hidden_params["response_cost"] == 0.0125
        built = litellm.stream_chunk_builder(list(litellm.completion(**given, **ASKED, **STREAMED)))
        assert amount(built.usage.cost) == 0.0125
