"""What a server says in the body of an error; pure."""

from __future__ import annotations

import json

from vllm_costmeter.core.errors import one_line

MOST_BYTES = 16 << 10
"""Of the body that are looked at."""
_MOST_LETTERS = 300
_FIELDS = ("errorType", "error", "message")
"""Prometheus, and what speaks its API, has the first two (its page "HTTP API", read 2026-11-28), Kubernetes the last;
OpenAI's errors have an object of them."""


def error_text(body: bytes) -> str:
    """`": "` and the reason, one bounded line; empty for a page for browsers and for what is not text."""
    try:
        text = body[:MOST_BYTES].decode("utf-8").strip()
    except UnicodeDecodeError:
        return ""
    if text.startswith("{"):
        text = _of_json(text)
    elif text.startswith("<"):
        text = ""
    words = one_line(text)
    return f": {words if len(words) <= _MOST_LETTERS else f'{words[:_MOST_LETTERS]}...'}" if words else ""


def _of_json(text: str) -> str:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    inner = fields.get("error")
    fields = inner if isinstance(inner, dict) else fields
    found = [fields[name] for name in _FIELDS if isinstance(fields.get(name), str)]
    return ": ".join(dict.fromkeys(each for each in found if each))
