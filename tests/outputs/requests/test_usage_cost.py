"""A cost is put into the usage of an answer, and nothing else of it changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vllm_costmeter.outputs.requests.usage_cost import (
    cost_member,
    cost_number,
    decimal,
    event_with_cost,
    names_usage,
    with_cost,
)

USAGE = {"prompt_tokens": 5, "total_tokens": 8, "completion_tokens": 3}
COST = cost_member(1.234567e-5)


def compact(content: Any) -> bytes:
    """As vLLM writes it."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


CHAT = {"id": "chatcmpl-1", "choices": [{"message": {"content": "hé \u2028 😀"}}], "usage": USAGE, "kv": None}
TEXTS = [
    'say "usage":{"a":1}',
    'ends with "usage"',
    '"usage": {',
    "\\",
    '{"usage":{}}',
    "usage" * 10,
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("last", [True, False])
def test_the_outermost_usage_gets_it_whatever_the_texts_say(text: str, last: bool) -> None:
    """Texts before and behind it, and members of the same name deeper down, do not mislead."""
    inner = {"text": text, "usage": {"of": "a choice"}, text: {"usage": {}}}
    body = compact({"choices": [inner], "usage": USAGE} if last else {"usage": USAGE, "choices": [inner]})
    priced = with_cost(body, COST)
    assert priced is not None
    assert json.loads(priced)["usage"] == USAGE | {"cost": json.loads(COST)}
    assert priced.replace(b',"cost":' + COST, b"") == body


@pytest.mark.parametrize("indent", [None, 2])
def test_any_layout_of_the_json_is_kept(indent: int | None) -> None:
    """Spaces, line ends, an empty usage."""
    for usage in (USAGE, {}):
        body = json.dumps({"a": 1, "usage": usage, "z": [1, {"b": 2}]}, indent=indent).encode() + b" \r\n"
        priced = with_cost(body, COST)
        assert priced is not None
        assert json.loads(priced)["usage"] == {**usage, "cost": json.loads(COST)}
        assert len(priced) == len(body) + len(b'"cost":' + COST) + bool(usage)


@pytest.mark.parametrize(
    "body",
    [
        compact({"usage": None}),
        compact({"usage": [1]}),
        compact({"usage": USAGE | {"cost": 1.0}}),
        compact({"choices": [{"usage": USAGE}]}),
        compact({"response": {"usage": USAGE}}),
        compact([{"usage": USAGE}]),
        compact(CHAT)[:-20],
        compact(CHAT) + b"}",
        compact('"usage":{}'),
        b'"usage":{',
        b"",
        b'{"usage":' + b'{"a":' * 5000,
    ],
)
def test_an_answer_without_such_a_usage_is_left_alone(body: bytes) -> None:
    """None at the top, a cost already, another level, a cut or broken text."""
    assert with_cost(body, COST) is None


def test_the_amount_has_no_exponent_and_six_digits() -> None:
    """A number that every JSON parser and every shell reads alike."""
    assert [decimal(usd) for usd in (1.234567e-5, 3e-9, 0.25, 12.0, 1234567.0)] == [
        "0.0000123457",
        "0.000000003",
        "0.25",
        "12",
        "1234570",
    ]
    assert cost_number(1.234567e-5) == b"0.0000123457"
    assert json.loads(COST) == {
        "amount": 1.23457e-5,
        "currency": "USD",
        "source": "provider",
        "estimated": True,
        "total_cost": 1.23457e-5,
    }


def event(content: Any, name: str | None = None) -> bytes:
    """One server-sent event."""
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + compact(content) + b"\n\n"


RESPONSE = {"id": "resp_1", "output": [{"usage": {}}], "usage": USAGE, "user": None}


@pytest.mark.parametrize(
    ("chunk", "path"),
    [
        (event({"choices": [], "usage": USAGE}), ("usage",)),
        (event({"type": "message_delta", "delta": {}, "usage": USAGE}, "message_delta"), ("usage",)),
        (
            event(
                {"response": RESPONSE, "sequence_number": 9, "type": "response.completed"},
                "response.completed",
            ),
            ("response", "usage"),
        ),
        (event({"type": "response.incomplete", "response": RESPONSE}), ("response", "usage")),
    ],
)
def test_the_event_with_the_usage_of_the_whole_request_gets_it(chunk: bytes, path: tuple[str, ...]) -> None:
    """Chat and other completions, Anthropic's messages, responses; together with other events, and with \\r\\n."""
    around = b'data: {"choices":[{"delta":{"content":"\\"usage\\":{"}}]}\n\n'
    for sent in (chunk, around + chunk + b"data: [DONE]\n\n", chunk.replace(b"\n", b"\r\n")):
        priced = event_with_cost(sent, COST)
        assert priced is not None
        assert priced.replace(b',"cost":' + COST, b"") == sent
        (found,) = [json.loads(line[5:]) for line in priced.splitlines() if b'"cost"' in line]
        for name in path:
            found = found[name]
        assert found["cost"] == json.loads(COST)


@pytest.mark.parametrize(
    "chunk",
    [
        event({"choices": [{"delta": {}}], "usage": USAGE}),
        event({"choices": [], "usage": None}),
        event({"type": "message_start", "message": {"usage": USAGE}}),
        event({"type": "response.created", "response": RESPONSE}),
        event({"type": "response.completed", "response": RESPONSE | {"usage": None}}),
        event({"choices": [], "usage": USAGE})[:-10],
        event([{"usage": USAGE}]),
        b": comment\n\n",
        b"data: [DONE]\n\n",
        b"",
    ],
)
def test_other_events_are_left_alone(chunk: bytes) -> None:
    """Usage so far, the beginning, a part of an event."""
    assert event_with_cost(chunk, COST) is None


def test_an_answer_without_the_word_is_not_parsed() -> None:
    """Most events of a stream: a search for one word."""
    assert not names_usage(b'data: {"choices":[{"delta":{"content":"usage"}}],"usage":null}\n\n')
    assert names_usage(b'{"usage" : {')
