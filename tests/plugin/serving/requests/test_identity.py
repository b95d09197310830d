"""Who a request says it is for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vllm_costmeter.core.tenants.names import of_key
from vllm_costmeter.plugin.serving.requests.body_text import MOST_TOKENS
from vllm_costmeter.plugin.serving.requests.identity import TrustedPeers, of_api_key, of_body, of_header

SECRET = b"0" * 32


def scope(client: str | None = "127.0.0.1", **headers: str) -> dict[str, Any]:
    """An ASGI scope; `_` in a header's name stands for `-`."""
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": None if client is None else (client, 4711), "headers": pairs}


@pytest.mark.parametrize(
    ("client", "networks", "trusted"),
    [
        ("127.0.0.1", ("127.0.0.0/8", "::1/128"), True),
        ("127.9.9.9", ("127.0.0.0/8",), True),
        ("10.1.2.3", ("127.0.0.0/8", "::1/128"), False),
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("::ffff:10.1.2.3", ("10.0.0.0/8",), True),
        ("::1", ("127.0.0.0/8", "::1/128"), True),
        ("fe80::1%eth0", ("::1/128",), False),
        ("testclient", ("127.0.0.0/8",), False),
        ("203.0.113.9", ("any",), True),
        (None, ("127.0.0.0/8",), True),
    ],
)
def test_only_trusted_peers_are_believed(
    client: str | None, networks: tuple[str, ...], trusted: bool
) -> None:
    """By network; a Unix socket has no peer and is this machine's."""
    assert TrustedPeers(networks).trusts(scope(client)) is trusted


def test_a_header_is_read_in_any_encoding_and_length() -> None:
    """UTF-8, else Latin-1; 8 KB become a short name."""
    name = b"x-costmeter-tenant"
    assert of_header(scope(x_costmeter_tenant="team-\u00e9"), name) == "team-\u00e9"
    assert of_header({"headers": [(name, b"team-\xe9")]}, name) == "team-\u00e9"
    assert len(of_header({"headers": [(name, b"x" * 8192)]}, name)) == 64
    assert of_header(scope(), name) == ""


def test_a_gateways_header_counts_behind_the_clients() -> None:
    """Where it adds its own instead of replacing what the client sent."""
    name = b"x-costmeter-tenant"
    assert of_header({"headers": [(name, b"victim"), (b"host", b"a"), (name, b"its own")]}, name) == "its own"


def test_an_api_key_is_known_by_its_digest_only() -> None:
    """As vLLM reads it; without one there is no tenant."""
    tenant = of_key("sk-1", SECRET)
    assert of_api_key(scope(authorization="Bearer sk-1"), SECRET) == tenant
    assert of_api_key(scope(authorization="bearer  sk-1 "), SECRET) == tenant
    assert of_api_key(scope(x_api_key="sk-1"), SECRET) == tenant
    for none in (
        scope(),
        scope(authorization="Bearer "),
        scope(authorization="Basic abc"),
        scope(x_api_key=" "),
    ):
        assert of_api_key(none, SECRET) == ""


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"user": "bob"}, "bob"),
        ({"safety_identifier": "carol", "user": "bob"}, "carol"),
        ({"user": "bob", "safety_identifier": None}, "bob"),
        ({"messages": [{"role": "user", "content": "hi"}]}, ""),
        ({"messages": [{"role": "user", "content": 'say "user": "eve"'}], "user": "bob"}, "bob"),
        ({"tools": [{"parameters": {"user": "eve", "safety_identifier": "eve"}}]}, ""),
        ({"prompt": "x" * 1_000_000, "user": 'b"o\\b\n'}, 'b"o\\b'),
        ({"user": {"name": "eve"}}, ""),
        ({"user": 7}, ""),
        ({"metadata": "user", "user": "bob"}, "bob"),
        ({"prompt": "user", "model": "user"}, ""),
    ],
)
def test_the_outermost_user_of_a_body_is_found(body: dict[str, Any], name: str) -> None:
    """However it is spaced, wherever it stands; never one inside a message, a tool or a text."""
    for text in (json.dumps(body), json.dumps(body, indent=2), json.dumps(body, separators=(",", ":"))):
        assert of_body(text.encode()) == name


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"user"',
        b'{"user":',
        b'{"user": "bob',
        b"\xff\xfe",
        b'["user", "bob"]',
        b'{"user":"\\ud800"}',
        b"}{",
    ],
)
def test_a_body_that_is_no_object_names_nobody(body: bytes) -> None:
    """Cut off, of another kind, or in no encoding: no error. A lone surrogate is no character of a name."""
    assert of_body(body) == ""


def test_a_body_of_very_many_parts_is_read_only_so_far() -> None:
    """The event loop is not held up by a million brackets."""
    many = ",".join(["{}"] * MOST_TOKENS)
    assert of_body(f'{{"a":[{many}],"user":"bob"}}'.encode()) == ""
    assert of_body(f'{{"user":"bob","a":[{many}]}}'.encode()) == "bob"


@pytest.mark.parametrize("end", [b"", b"\\"], ids=["cut", "cut in an escape"])
def test_a_text_without_its_end_is_read_once(end: bytes) -> None:
    """However many escaped quotes it has: a megabyte of them, looked through from each one, would hold up the event
    loop for hours."""
    assert of_body(b'{"user":"' + b'\\"' * 500_000 + end) == ""
