"""A cost in the `usage` object of a JSON answer; every other byte stays as it is.

The member is `usage.cost`, with the names of OpenTelemetry's conventions for the cost of a GenAI operation:
`gen_ai.usage.cost.amount`, `.currency` (ISO 4217) and `.source`, which is `provider` for whoever reads it from an
answer (open-telemetry/semantic-conventions-genai, pull request 443 of 2026-08-09 and its changelog entry, open when
read on 2026-11-28). The conventions name attributes of spans and no form in JSON; the nesting is ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

CURRENCY = "USD"
PROVIDER = "provider"
DIGITS = 6
"""Significant digits of an estimate."""
TAIL_BYTES = 256 << 10
"""How far from the end of a body its `usage` is looked for: vLLM writes it behind the texts (0.17 to 0.33)."""
LONGEST_USAGE_BYTES = 16 << 10

_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_decode = json.JSONDecoder().raw_decode


def decimal(usd: float) -> str:
    """Without an exponent: 0.0000123457."""
    return format(Decimal(f"{usd:.{DIGITS}g}"), "f")


def cost_member(usd: float) -> bytes:
    """The value of `usage.cost`. `total_cost` is the amount again, under the name by which LiteLLM (1.110) finds it in
    an object; `estimated` says that the request was not yet charged."""
    amount = decimal(usd)
    return (
        f'{{"amount":{amount},"currency":"{CURRENCY}","source":"{PROVIDER}","estimated":true,"total_cost":{amount}}}'
    ).encode()


def cost_number(usd: float) -> bytes:
    """The value of `usage.cost` as OpenRouter's API has it: dollars."""
    return decimal(usd).encode()


def names_usage(body: bytes) -> bool:
    """Whether there may be a `usage` object in it; cheap."""
    found = body.find(b'"usage"', max(0, len(body) - TAIL_BYTES))
    return found >= 0 and _USAGE.search(body, found) is not None


def with_cost(body: bytes, cost: bytes, depth: int = 1) -> bytes | None:
    """`body`, an object in JSON, with `cost` as the last member of its `usage`; `depth` 2: of the `usage` of one of its
    members. None if there is no such `usage`, or if it has a cost already."""
    for found in reversed(list(_USAGE.finditer(body, max(0, len(body) - TAIL_BYTES)))):
        if body[found.start() - 1 : found.start()] == b"\\":
            continue  # the end of a text
        begin = found.end() - 1
        text = body[begin : begin + LONGEST_USAGE_BYTES].decode("latin-1")  # a character for each byte
        try:
            usage, length = _decode(text)
            end = begin + length
            if _objects_closed(body[end:].decode("latin-1")) != depth:
                continue
        except (ValueError, RecursionError):
            continue
        if "cost" in usage:
            return None
        comma = b"," if usage else b""
        parts = memoryview(body)  # megabytes are copied once
        return b"".join((parts[: end - 1], comma, b'"cost":', cost, parts[end - 1 :]))
    return None


def _objects_closed(rest: str) -> int:
    """How many objects the rest of a JSON text closes, from behind a member's value to its end. ValueError if it is no
    such rest."""
    for closed in range(1, 3):
        text = '{"":0' + rest
        _, length = _decode(text)
        rest = text[length:]
        if not rest.strip():
            return closed
    return 0


ENDS_A_RESPONSE = ("response.completed", "response.incomplete", "response.failed")
"""The events of OpenAI's Responses API that have the whole response."""


def usage_depth(event: Mapping[str, Any]) -> int:
    """Where the event of a stream has the usage of the whole request: 1 for a chunk without choices (chat and other
    completions, with `include_usage`) and Anthropic's `message_delta`, 2 for the last event of a response, else 0."""
    if event.get("type") in ENDS_A_RESPONSE:
        response = event.get("response")
        return 2 if isinstance(response, dict) and isinstance(response.get("usage"), dict) else 0
    return 1 if isinstance(event.get("usage"), dict) and not event.get("choices") else 0


def event_with_cost(chunk: bytes, cost: bytes) -> bytes | None:
    """Part of an event stream with `cost` in the usage of the whole request; None if that is not in it."""
    changed = False
    lines = chunk.split(b"\n")
    for position, line in enumerate(lines):
        if not line.startswith(b"data:") or not names_usage(line):
            continue
        try:
            event = json.loads(line[len(b"data:") :])
        except (ValueError, RecursionError):
            continue  # the event is longer than this chunk
        depth = usage_depth(event) if isinstance(event, dict) else 0
        priced = with_cost(line, cost, depth) if depth else None
        if priced is not None:
            lines[position] = priced
            changed = True
    return b"\n".join(lines) if changed else None
