"""A Prometheus that asks for a token."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.servers.prometheus import TOKEN_VARIABLE, query

ANSWER = b'{"data": {"result": [{"metric": {"a": "b"}, "value": [0, "1.5"]}]}}'


class Guarded(BaseHTTPRequestHandler):
    """Answers with the token, and redirects what asks for `elsewhere`."""

    seen: list[str | None] = []  # noqa: RUF012 (of this test module)

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("Authorization"))
        if "elsewhere" in self.path:
            self.send_response(302)
            self.send_header("Location", "/api/v1/query?query=up")
            self.end_headers()
            return
        allowed = self.headers.get("Authorization") == "Bearer secret-1"
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(ANSWER if allowed else b"no")

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def url() -> Iterator[str]:
    """Of the server."""
    Guarded.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_token_of_the_environment_is_sent(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a bearer token."""
    monkeypatch.setenv(TOKEN_VARIABLE, " secret-1\n")
    assert query(url, "up") == [({"a": "b"}, 1.5)]


def test_without_it_the_line_says_which_variable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a wrong one is not shown."""
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with pytest.raises(BadInputError, match=f"401.*{TOKEN_VARIABLE}"):
        query(url, "up")
    monkeypatch.setenv(TOKEN_VARIABLE, "wrong-2")
    with pytest.raises(BadInputError, match=f"refuses the token in {TOKEN_VARIABLE}") as refused:
        query(url, "up")
    assert "wrong-2" not in str(refused.value)


def test_a_redirect_is_not_followed_with_a_token(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is behind it has no claim to it; what its query holds, as a login's does, is not shown."""
    monkeypatch.setenv(TOKEN_VARIABLE, "secret-1")
    with pytest.raises(BadInputError, match="redirects to /api/v1/query, where"):
        query(f"{url}/elsewhere", "up")
    assert len(Guarded.seen) == 1


@pytest.mark.parametrize("token", ["two words", "a\x1bb"])
def test_what_is_no_token_is_one_line(url: str, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is sent."""
    monkeypatch.setenv(TOKEN_VARIABLE, token)
    with pytest.raises(BadInputError, match="is no token"):
        query(url, "up")
    assert Guarded.seen == []
