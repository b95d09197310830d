"""A page over HTTP from servers that behave and that do not."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import pytest
from certificate import made_certificate
from engine_stand_in import EngineStandIn, engine, status
from http_stand_in import serving

from vllm_costmeter.sources.targets.http_page import HttpPages, PageError

MISBEHAVIOURS = {
    "timeout": EngineStandIn.hang,
    "drip": EngineStandIn.drip,
    "too_large": EngineStandIn.huge,
    "closed": EngineStandIn.hang_up,
    "truncated": EngineStandIn.truncated,
}


def failed(pages: HttpPages) -> PageError:
    with pytest.raises(PageError) as caught:
        pages.get()
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("timeout", "timeout"),
        ("drip", "timeout"),
        ("too_large", "too_large"),
        ("closed", "closed"),
        ("truncated", "closed"),
    ],
)
def test_a_server_that_misbehaves_costs_limited_time_and_memory(how: str, reason: str) -> None:
    """One keyword and one line for each; the next page is read as if nothing had been."""
    with engine() as target:
        pages = HttpPages(target.url, timeout_seconds=1.5, most_bytes=1 << 20)
        assert pages.get()[0] == target.page
        target.misbehave = lambda handler: MISBEHAVIOURS[how](target, handler)
        began = time.monotonic()
        assert failed(pages).reason == reason
        assert time.monotonic() - began < 20  # and not the 30 s of the hang
        target.misbehave = None
        assert pages.get()[0] == target.page


@pytest.mark.parametrize(
    ("answer", "reason", "said"),
    [
        (
            status(302, Location="http://elsewhere/metrics"),
            "redirect",
            "redirects to http://elsewhere/metrics",
        ),
        (status(401), "unauthorized", "--target-token-file"),
        (status(403), "unauthorized", "403"),
        (status(404), "not_found", "--enable-metrics"),
        (status(501), "not_found", "--metrics"),
        (status(503), "http_error", "503"),
        (status(200, **{"Content-Length": "99999999"}), "too_large", "more than 1 MiB"),
    ],
)
def test_another_answer_than_a_page_is_named(answer, reason: str, said: str) -> None:
    """A redirect is not followed: the credentials are for this server."""
    with engine() as target:
        target.misbehave = answer
        error = failed(HttpPages(target.url, authorization=lambda: "Bearer secret", most_bytes=1 << 20))
        assert (error.reason, said in str(error), len(target.asked)) == (reason, True, 1)


@pytest.mark.parametrize(
    "framing",
    [{"Content-Length": "99"}, {"Transfer-Encoding": "chunked", "Connection": "close"}],
    ids=["hangs", "cut off"],
)
def test_an_error_whose_reason_never_comes_is_named_by_its_status(framing: dict[str, str]) -> None:
    """A body that hangs, or that is cut off, changes nothing of what the status said."""
    with engine() as target:
        target.misbehave = status(404, **framing)
        error = failed(HttpPages(target.url, timeout_seconds=0.5))
        assert (error.reason, "answered 404" in str(error)) == ("not_found", True)


def test_one_connection_serves_many_pages_and_is_renewed_when_it_was_closed() -> None:
    """A kept connection that the server closed meanwhile is no error."""
    with engine() as target:
        pages = HttpPages(target.url)
        first = pages.get()
        assert pages._connection is not None
        kept = pages._connection.sock
        assert pages.get() == first
        assert pages._connection.sock is kept
        kept.shutdown(socket.SHUT_RDWR)
        assert pages.get()[0] == target.page


def test_nobody_there_and_something_else_there() -> None:
    """Refused, and a server that speaks another protocol."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        url = f"http://127.0.0.1:{other.getsockname()[1]}/metrics"
        pages = HttpPages(url, timeout_seconds=0.3)
        assert failed(pages).reason == "timeout"
    assert failed(pages).reason == "unreachable"


def test_credentials_and_certificates(tmp_path: Path) -> None:
    """The header is sent, https is checked against the given certificate, and an unknown one is refused."""
    cert, key = made_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with engine(context) as target:
        known = ssl.create_default_context(cafile=str(cert))
        HttpPages(target.url, authorization=lambda: "Bearer secret", tls=known).get()
        assert target.credentials == ["Bearer secret"]
        unknown = failed(HttpPages(target.url))
        assert (unknown.reason, "--target-ca-file" in str(unknown)) == ("tls", True)
        assert failed(HttpPages(target.url.replace("https", "http"), timeout_seconds=1)).reason in (
            "closed",
            "not_http",
        )


def test_why_a_server_refuses_is_shown_in_one_line() -> None:
    """As llama.cpp and Kubernetes say it; control characters do nothing."""
    with serving('{"error": {"message": "start it\\nwith --metrics\\u001b[2J"}}', status=501) as url:
        assert str(failed(HttpPages(url))).endswith(r": start it with --metrics\x1b[2J")


def test_http_where_https_was_expected_is_said() -> None:
    """The word that helps."""
    with engine() as target:
        error = failed(HttpPages(target.url.replace("http:", "https:")))
    assert (error.reason, "is it http?" in str(error)) == ("tls", True)
