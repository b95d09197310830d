"""Text from a URL within a time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from http_stand_in import serving

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.files.fetch import fetch_text

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


@contextmanager
def sending(*pieces: bytes, until_closed: bool) -> Iterator[str]:
    """A server that sends these, and then either one byte now and then, or ends the connection."""
    over = threading.Event()

    def answer(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(4096)
            for piece in pieces:
                connection.sendall(piece)
            while until_closed and not over.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


def test_all_of_it_must_have_come_in_time() -> None:
    """A server that sends a byte now and then is never silent, and holds nobody for ever."""
    with sending(HEAD, until_closed=True) as url, pytest.raises(BadInputError, match=r"within 0\.4 s"):
        fetch_text(url, within_seconds=0.4)


def test_silence_is_named_by_the_time_that_was_given() -> None:
    """Not by another."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(BadInputError, match=r"did not respond within 0\.2 s"):
            fetch_text(url, within_seconds=0.2)


def test_half_a_page_is_no_page() -> None:
    """A connection that ends early would show wrong sums."""
    with sending(HEAD, b"half", until_closed=False) as url, pytest.raises(BadInputError):
        fetch_text(url, within_seconds=5)


def test_what_comes_in_time_is_whole() -> None:
    """Larger than one piece; and too large is refused."""
    with serving("y" * 200_000) as url:
        assert fetch_text(url, within_seconds=5) == "y" * 200_000
        with pytest.raises(BadInputError, match="more than"):
            fetch_text(url, within_seconds=5, most_bytes=1000)


@pytest.mark.parametrize("status", [400, 401, 422, 503])
def test_the_reason_of_a_refusal_is_shown(status: int) -> None:
    """As Prometheus gives it, in one line."""
    body = '{"status":"error","errorType":"bad_data","error":"parse error:\\n\\u001b[31munexpected"}'
    with serving(body, status=status) as url, pytest.raises(BadInputError) as caught:
        fetch_text(url)
    assert f"responded with {status}" in str(caught.value)
    assert str(caught.value).endswith(r": bad_data: parse error: \x1b[31munexpected")


def test_a_refusal_whose_reason_never_ends_is_still_told() -> None:
    """A byte now and then, for ever."""
    head = b"HTTP/1.1 422 Unprocessable Entity\r\n\r\n"
    with sending(head, until_closed=True) as url, pytest.raises(BadInputError, match="responded with 422"):
        fetch_text(url)
