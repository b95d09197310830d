"""The answer to a request of a tenant whose budget is spent: HTTP 429, in the form of OpenAI's errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import NamedTuple

STATUS = 429
LONGEST_RETRY_SECONDS = 86_400
"""A budget may be raised before its period ends, so nobody is told to stay away for a month."""

WORK = frozenset(
    (
        "batch", "chat", "classify", "completions", "decisions", "embed", "embeddings", "generate",
        "generative_scoring", "invocations", "messages", "pooling", "rerank", "responses", "score", "systemone",
        "transcriptions", "translations",
    )
)  # fmt: skip
"""Ends of the paths that make vLLM's engine work (POST routes of vLLM 0.17 to 0.33). All others are served: they cost
no GPU time (/tokenize), or are for whoever runs the server (/sleep)."""


class Refusal(NamedTuple):
    """Nothing in it names the tenant or an amount."""

    renews_unix_seconds: float
    retry_after_seconds: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """OpenAI's clients obey `x-should-retry`: what is spent now is spent in half a second too."""
        return [
            (b"content-type", b"application/json"),
            (b"retry-after", str(self.retry_after_seconds).encode()),
            (b"x-should-retry", b"false"),
        ]

    def body(self) -> bytes:
        """As https://platform.openai.com/docs/guides/error-codes has it (looked up on 2026-11-28)."""
        renews = datetime.fromtimestamp(self.renews_unix_seconds, UTC)
        error = {
            "message": "You exceeded your current quota: the budget is spent. It renews at "
            f"{renews:%Y-%m-%dT%H:%M:%SZ}.",
            "type": "insufficient_quota",
            "param": None,
            "code": "insufficient_quota",
        }
        return json.dumps({"error": error}).encode()


def makes_work(path: str) -> bool:
    """Whether a POST to this path, whatever stands before it, costs the engine's time."""
    return path.rstrip("/").rpartition("/")[2] in WORK
