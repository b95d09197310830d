"""A page of metrics over HTTP."""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from certificate import made_certificate

from vllm_costmeter.outputs.metrics.http_server import MOST_AT_ONCE, MetricsServer

PAGE = b"x 1\n"


def asked(
    url: str, authorization: str | None = None, context: ssl.SSLContext | None = None
) -> tuple[int, bytes]:
    headers = {} if authorization is None else {"Authorization": authorization}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=10, context=context
        ) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


@pytest.fixture
def open_server():
    server = MetricsServer("127.0.0.1", 0, lambda: PAGE)
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.close()


def test_the_page_is_at_metrics_and_nowhere_else(open_server: str) -> None:
    """And a probe's answer at /-/healthy."""
    assert asked(f"{open_server}/metrics") == (200, PAGE)
    assert asked(f"{open_server}/-/healthy") == (200, b"ok\n")
    assert asked(f"{open_server}/metrics/x")[0] == 404


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer wrong", 401),
        ("Bearer tok€n", 200),
        ("Basic dTpw", 200),
        ("bearer x", 401),
    ],
)
def test_only_those_with_a_secret_read_a_closed_page(authorization: str | None, status: int) -> None:
    """Any of the accepted ones; a probe needs none."""
    server = MetricsServer(
        "127.0.0.1", 0, lambda: PAGE, authorizations=lambda: ("Bearer token", "Basic dTpw")
    )
    server.start()
    url = f"http://127.0.0.1:{server.port}"
    given = None if authorization is None else authorization.replace("tok€n", "token")
    assert asked(f"{url}/metrics", given)[0] == status
    assert asked(f"{url}/-/healthy")[0] == 200
    server.close()


def test_https(tmp_path: Path) -> None:
    """With the given certificate; a client that never shakes hands keeps nobody waiting."""
    cert, key = made_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = MetricsServer("127.0.0.1", 0, lambda: PAGE, tls=context)
    server.start()
    with socket.create_connection(("127.0.0.1", server.port)):
        known = ssl.create_default_context(cafile=str(cert))
        assert asked(f"https://127.0.0.1:{server.port}/metrics", context=known) == (200, PAGE)
    server.close()


def test_idle_connections_are_bounded(open_server: str) -> None:
    """One more than the limit is closed, and when they are gone the page is there."""
    address = ("127.0.0.1", int(open_server.rpartition(":")[2]))
    idle = [socket.create_connection(address, timeout=10) for _ in range(MOST_AT_ONCE + 8)]
    assert any(connection.recv(1) == b"" for connection in reversed(idle))
    for connection in idle:
        connection.close()
    for _ in range(100):
        try:
            assert asked(f"{open_server}/metrics") == (200, PAGE)
            return
        except (urllib.error.URLError, ConnectionError):
            continue
    pytest.fail("the page never came back")


def test_a_page_that_cannot_be_made_is_an_answer_too() -> None:
    """With the kind of fault, and nothing of its text."""

    def broken() -> bytes:
        raise KeyError("secret")

    server = MetricsServer("127.0.0.1", 0, broken, routes={"/route": lambda *_: (200, broken(), {})})
    server.start()
    try:
        for path in ("metrics", "route"):
            assert asked(f"{server.url}/{path}") == (500, b"the page could not be made (KeyError)\n")
    finally:
        server.close()
