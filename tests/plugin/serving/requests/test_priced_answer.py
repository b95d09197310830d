"""The price is in an answer where it was asked for, and nothing else of the answer changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plugin.line_faults import LineFaults
from plugin.serving.requests.answers import (
    CHAT,
    EVENTS,
    USAGE,
    Message,
    Send,
    headers_of,
    sent_through,
    start,
    streamed,
    whole,
)

from vllm_costmeter.core.settings.request_settings import RequestPrice
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests import priced_answer
from vllm_costmeter.plugin.serving.requests.priced_answer import PricedAnswer


def priced(mode: RequestPrice, usd: float | None = 1.5e-5) -> Callable[[Send], Send]:
    """A layer that knows the price, or does not."""
    return lambda send: PricedAnswer(send, lambda: usd, mode)


def flat(came: list[list[Message]]) -> list[Message]:
    """All messages."""
    return [message for each in came for message in each]


@pytest.mark.parametrize("mode", ["header", "usage", "both", "number"])
def test_a_json_answer_has_the_price_where_it_was_asked_for(mode: RequestPrice) -> None:
    """In the header, in the usage, as an object or a number; the length is right."""
    first, body = flat(sent_through(priced(mode), whole(x_other="1")))
    headers, content = headers_of(first), json.loads(body["body"])
    assert int(headers["content-length"]) == len(body["body"])
    assert headers["x-other"] == "1"
    assert headers.get("x-costmeter-cost-usd") == (None if mode == "usage" else "0.000015")
    cost = content["usage"].pop("cost", None)
    if mode == "header":
        assert (cost, body["body"]) == (None, CHAT)
    elif mode == "number":
        assert cost == 1.5e-5
    else:
        assert (cost["amount"], cost["currency"], cost["source"]) == (1.5e-5, "USD", "provider")
    assert content == json.loads(CHAT)


def test_of_a_stream_only_the_event_with_the_usage_changes() -> None:
    """Each message goes on at once; a stream has no header, because it begins before its price is known."""
    came = sent_through(priced("both"), streamed())
    assert [len(each) for each in came] == [1] * len(came)
    first, *parts = flat(came)
    assert "x-costmeter-cost-usd" not in headers_of(first)
    assert [part["body"] for part in parts[:1] + parts[2:]] == [EVENTS[0], EVENTS[2], b""]
    changed = json.loads(parts[1]["body"].removeprefix(b"data: "))
    assert changed["usage"]["cost"]["amount"] == 1.5e-5
    assert [part["more_body"] for part in parts] == [True, True, True, False]


UNTOUCHED: dict[str, list[Message]] = {
    "an error": whole(status=400),
    "another kind": whole(kind="text/plain"),
    "compressed": whole(content_encoding="gzip"),
    "no usage": whole(b'{"object":"list","data":[]}'),
    "no usage for an unfinished response": whole(b'{"status":"queued","usage":null}'),
    "in several pieces": [
        start(),
        {"type": "http.response.body", "body": CHAT[:9], "more_body": True},
        {"type": "http.response.body", "body": CHAT[9:]},
    ],
    "a compressed stream": [start("text/event-stream", content_encoding="br"), *streamed()[1:]],
    "a stream of another kind": streamed(kind="application/x-ndjson"),
    "nothing": [start(), {"type": "http.response.body"}],
    "trailers": [*whole(b"{}"), {"type": "http.response.trailers"}],
    "a websocket": [{"type": "websocket.accept"}, {"type": "websocket.send", "text": '"usage":{}'}],
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_other_answers_pass_as_they_are(name: str) -> None:
    """The same messages, in the same order, none left behind."""
    assert flat(sent_through(priced("both"), UNTOUCHED[name])) == UNTOUCHED[name]


def test_an_answer_whose_price_is_not_known_passes_as_it_is() -> None:
    """No price is no field and no header, never a zero."""
    for answer in (whole(), streamed()):
        assert flat(sent_through(priced("both", None), answer)) == answer


def test_an_answer_that_is_too_long_passes_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than what is copied."""
    monkeypatch.setattr(priced_answer, "MOST_ANSWER_BYTES", len(CHAT) - 1)
    assert flat(sent_through(priced("both"), whole())) == whole()


def test_the_messages_of_vllm_are_not_written_to() -> None:
    """It may send the same headers again."""
    answer = whole()
    before = json.dumps(answer, default=repr)
    sent_through(priced("both"), answer)
    assert json.dumps(answer, default=repr) == before


FILES = ("requests/priced_answer.py", "requests/usage_cost.py")


@pytest.mark.parametrize("answer", [whole(), streamed()], ids=["whole", "stream"])
def test_a_fault_at_any_line_leaves_the_answer_as_vllm_wrote_it(answer: list[Message]) -> None:
    """Or priced; never lost, cut, doubled or an error. Each is counted once. The lines that are not ours to guard are
    those that call vLLM's own `send`."""
    healthy = LineFaults(FILES)
    with healthy.watching():
        as_priced = flat(sent_through(priced("both"), answer))
    walked = 0
    for line, function in healthy.reached.items():
        text = Path(line[0]).read_text().splitlines()[line[1] - 1]
        if (
            "self._send(" in text
            or "for each in messages" in text
            or "__init__" in function
            or "<module>" in function
        ):
            continue
        faults, counted = LineFaults(FILES, line), FAULTS.counts().get("request", 0)
        with faults.watching():
            came = flat(sent_through(priced("both"), answer))
        if not faults.fired:
            continue
        walked += 1
        assert came in (answer, as_priced), f"{line}: {text}"
        assert FAULTS.counts()["request"] == counted + 1, f"{line}: {text}"
    assert walked > 20


def test_a_usage_that_has_a_cost_is_left_to_whoever_wrote_it() -> None:
    """The header is ours nonetheless."""
    body = json.dumps({"usage": USAGE | {"cost": 1}}).encode()
    first, sent = flat(sent_through(priced("both"), whole(body)))
    assert sent["body"] == body
    assert headers_of(first)["x-costmeter-cost-usd"] == "0.000015"


def spoiled(*_: Any) -> float:
    raise RuntimeError


def test_an_estimate_that_fails_is_no_price() -> None:
    """And the answer goes on."""
    answer = whole()
    assert flat(sent_through(lambda send: PricedAnswer(send, spoiled, "both"), answer)) == answer
