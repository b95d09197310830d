"""One page over HTTP, with limits on time and size, over a connection that is kept."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import time
import urllib.parse
from collections.abc import Callable, Iterable, Mapping

from vllm_costmeter.sources.files.error_body import MOST_BYTES as MOST_ERROR_BYTES
from vllm_costmeter.sources.files.error_body import error_text

MOST_BYTES = 8 << 20
"""An engine's page has 60 kB (tests/data/engines); with 1,000 LoRA adapters some MB."""
_CHUNK = 65_536


class PageError(Exception):
    """Why there is no page: `reason` is a keyword for a label, the message a line for people."""

    def __init__(self, reason: str, line: str) -> None:
        super().__init__(line)
        self.reason = reason


class Headers(dict[str, str]):
    """Of an answer; names in any case."""

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        super().__init__((name.lower(), value) for name, value in items)

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """The value; `default` without one."""
        return super().get(name.lower(), default)


def _tls_reason(why: ssl.SSLError) -> str:
    if isinstance(why, ssl.SSLCertVerificationError):
        return (
            f"{why.verify_message}; certificates to trust: SSL_CERT_FILE, or --target-ca-file of an exporter"
        )
    hint = " (is it http?)" if why.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE") else ""
    return f"{why.reason or why}{hint}"


class HttpPages:
    """GET requests to one server, one at a time. Redirects are not followed and proxies not used: credentials go
    nowhere else."""

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 3.0,
        authorization: Callable[[], str | None] = lambda: None,
        tls: ssl.SSLContext | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._parts = urllib.parse.urlsplit(url)
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._authorization = authorization
        self._tls = tls
        self._most_bytes = most_bytes
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str | None = None) -> tuple[str, Mapping[str, str]]:
        """Text and headers of the page, or of another path on the same server. Raises PageError."""
        kept = self._connection is not None
        try:
            return self._get(path)
        except PageError as why:
            self.close()
            if not (kept and why.reason == "closed"):
                raise
        try:
            return self._get(path)  # a server may close a kept connection at any time
        except PageError:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _get(self, path: str | None) -> tuple[str, Mapping[str, str]]:
        deadline = time.monotonic() + self._timeout_seconds
        asked = path or urllib.parse.urlunsplit(("", "", self._parts.path, self._parts.query, ""))
        headers = {
            "Accept": "text/plain, */*;q=0.5",
            "User-Agent": "costmeter",
            "Accept-Encoding": "identity",
        }
        try:
            if (authorization := self._authorization()) is not None:
                headers["Authorization"] = authorization
            connection = self._opened()
            connection.request("GET", asked, headers=headers)
            answer = connection.getresponse()
            self._refuse(answer)
            content = self._body(answer, deadline)
            if answer.will_close:
                self.close()
            return content.decode("utf-8"), Headers(answer.headers.items())
        except TimeoutError:
            raise self._slow() from None
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            raise PageError("closed", f"{self._url} closed the connection without an answer") from None
        except ssl.SSLError as why:
            raise PageError("tls", f"{self._url}: TLS failed: {_tls_reason(why)}") from None
        except (OSError, ValueError) as why:
            if isinstance(why, UnicodeDecodeError):
                raise PageError("not_an_engine", f"{self._url} is not text") from None
            raise PageError(
                "unreachable", f"{self._url} cannot be reached: {getattr(why, 'strerror', None) or why}"
            ) from None
        except http.client.HTTPException as why:
            raise PageError(
                "not_http", f"{self._url} does not speak HTTP ({type(why).__name__}); is it https?"
            ) from None

    def _opened(self) -> http.client.HTTPConnection:
        if self._connection is None:
            host, port = self._parts.hostname or "", self._parts.port
            if self._parts.scheme == "https":
                context = self._tls or ssl.create_default_context()
                self._connection = http.client.HTTPSConnection(
                    host, port, timeout=self._timeout_seconds, context=context
                )
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=self._timeout_seconds)
        return self._connection

    def _refuse(self, answer: http.client.HTTPResponse) -> None:
        status = answer.status
        if status == 200:
            if (answer.length or 0) > self._most_bytes:
                raise self._too_large()
            return
        if 300 <= status < 400:
            where = answer.headers.get("Location", "nowhere").partition("?")[0][:200]
            raise PageError(
                "redirect", f"{self._url} redirects to {where}, which is not followed: name that address"
            )
        if status in (401, 403):
            raise PageError(
                "unauthorized",
                f"{self._url} answered {status}: it wants credentials (--target-token-file, --target-basic-auth-file)",
            )
        reason = "not_found" if status in (404, 405, 501) else "http_error"
        hint = " (llama.cpp needs --metrics, SGLang --enable-metrics)" if reason == "not_found" else ""
        told = ""
        with contextlib.suppress(
            OSError, http.client.HTTPException
        ):  # the status is known without its reason
            told = error_text(answer.read1(MOST_ERROR_BYTES))
        raise PageError(reason, f"{self._url} answered {status} {answer.reason}{hint}{told}")

    def _body(self, answer: http.client.HTTPResponse, deadline: float) -> bytes:
        """Within the time and the size: a server may send a byte a second, or never end."""
        content = bytearray()
        while chunk := answer.read1(_CHUNK):
            content += chunk
            if len(content) > self._most_bytes:
                raise self._too_large()
            if time.monotonic() > deadline:
                raise self._slow()
        if answer.length:
            raise ConnectionResetError
        answer.close()  # `read1` leaves an answer of known length open, and the connection unusable
        return bytes(content)

    def _too_large(self) -> PageError:
        return PageError(
            "too_large", f"{self._url} has more than {self._most_bytes >> 20} MiB: no engine's page has"
        )

    def _slow(self) -> PageError:
        return PageError("timeout", f"{self._url} did not answer within {self._timeout_seconds:g} s")
