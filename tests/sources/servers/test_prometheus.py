"""A Prometheus that asks for a bearer token."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.servers.prometheus import TOKEN, query


class _Guarded(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """An empty vector for the right token, else 401."""
        passes = self.headers.get("Authorization") == "Bearer right"
        self.send_response(200 if passes else 401)
        self.end_headers()
        self.wfile.write(b'{"data": {"result": []}}')

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    """Of a Prometheus behind a token."""
    server = HTTPServer(("127.0.0.1", 0), _Guarded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_token_of_the_environment_is_sent(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its line end."""
    monkeypatch.setenv(TOKEN, "right\n")
    assert query(url, "up") == []


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_401_names_the_variable(url: str, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """So that the operator knows where to put the token."""
    monkeypatch.setenv(TOKEN, token)
    with pytest.raises(BadInputError, match=f"401.*{TOKEN}"):
        query(url, "up")


def test_a_token_that_no_header_carries_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is sent, and without showing it."""
    monkeypatch.setenv(TOKEN, "a\nb")
    with pytest.raises(BadInputError, match="one line"):
        query("http://127.0.0.1:9", "up")
