"""The reason in the body of an error."""

from __future__ import annotations

import json

import pytest

from vllm_costmeter.sources.files.error_body import MOST_BYTES, error_text


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            '{"status":"error","errorType":"execution","error":"too many samples"}',
            ": execution: too many samples",
        ),
        ('{"status":"error","error":"out\\n\\u001b[31mof range"}', r": out \x1b[31mof range"),
        ('{"kind":"Status","message":"unable to parse requirement"}', ": unable to parse requirement"),
        ('{"error":{"code":501,"message":"start it with --metrics"}}', ": start it with --metrics"),
        ('{"error":7}', ""),
        ("no org id\n", ": no org id"),
        ("<html><body>502</body></html>", ""),
        ("{not json", ""),
        ("[" * 10_000, ": " + "[" * 300 + "..."),
        ("", ""),
    ],
)
def test_prometheus_kubernetes_and_proxies_say_why(body: str, told: str) -> None:
    """In one line without control characters; pages for browsers say nothing."""
    assert error_text(body.encode()) == told


def test_a_long_reason_is_cut_and_a_binary_one_left_out() -> None:
    """Whatever a server sends."""
    assert len(error_text(json.dumps({"error": "x" * 5_000}).encode())) < 320
    assert error_text(b"\xff" * 100) == ""
    assert error_text(b"x" * (MOST_BYTES + 1)).endswith("...")
