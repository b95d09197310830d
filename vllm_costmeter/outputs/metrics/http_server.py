"""A page of metrics over HTTP or HTTPS, open to all or to those with a password."""

from __future__ import annotations

import hmac
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from vllm_costmeter.outputs.page.answers import Answer

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LONGEST_REQUEST_SECONDS = 10.0
MOST_AT_ONCE = 32
"""Connections; more are closed."""

Route = Callable[[bool, str, str], Answer]
"""Whether the client may read, its Accept header and the query of the address."""


class MetricsServer:
    """Serves /metrics, and /-/healthy for probes, until closed."""

    def __init__(
        self,
        host: str,
        port: int,
        page: Callable[[], bytes],
        *,
        routes: Mapping[str, Route] | None = None,
        authorizations: Callable[[], tuple[str, ...]] = tuple,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Binds at once; OSError if it cannot. `routes`: what else is served, by path. `authorizations`: the accepted
        values of that header; none: all may read."""
        self._host = host
        self._routes = routes or {}
        self._server = _Server((host, port), _handler(page, self._routes, authorizations))
        self._server.tls = tls
        self._thread = threading.Thread(target=self._server.serve_forever, name="costmeter-http", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.server_address[1]
        return port

    @property
    def url(self) -> str:
        """The same as an address, without a path."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._server.tls else 'http'}://{host}:{self.port}"

    def has(self, path: str) -> bool:
        """Whether a route is served there."""
        return path in self._routes

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    tls: ssl.SSLContext | None = None

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The handshake is made here, so that a client that never finishes it keeps nobody waiting."""
        try:
            request.settimeout(LONGEST_REQUEST_SECONDS)
            if self.tls is not None:
                request = self.tls.wrap_socket(request, server_side=True)
            super().process_request_thread(request, client_address)
        except OSError:
            self.shutdown_request(request)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


def _made(answer: Callable[[], Answer]) -> Answer:
    try:
        return answer()
    except Exception as why:  # noqa: BLE001 (a client learns that there is none)
        return 500, f"the page could not be made ({type(why).__name__})\n".encode(), {}


def _handler(
    page: Callable[[], bytes], routes: Mapping[str, Route], authorizations: Callable[[], tuple[str, ...]]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = LONGEST_REQUEST_SECONDS
        server_version, sys_version = "costmeter", ""

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path == "/-/healthy":
                self._answer(200, b"ok\n")
            elif path in routes:
                accept = self.headers.get("Accept") or ""
                self._answer(*_made(lambda: routes[path](self._is_welcome(), accept, query)))
            elif path not in ("/metrics", "/"):
                self._answer(404, b"metrics are at /metrics\n")
            elif not self._is_welcome():
                self._answer(
                    401, b"credentials are needed\n", {"WWW-Authenticate": 'Basic realm="costmeter"'}
                )
            elif path == "/":
                self._answer(200, b"metrics are at /metrics\n")
            else:
                self._answer(*_made(lambda: (200, page(), {})))

        def do_HEAD(self) -> None:
            self.do_GET()

        def _is_welcome(self) -> bool:
            accepted = authorizations()
            given = (self.headers.get("Authorization") or "").encode("utf-8", "replace")
            found = [hmac.compare_digest(given, each.encode()) for each in accepted]
            return any(found) or not accepted

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str] = {}) -> None:
            self.send_response(status)
            for name, value in {
                "Content-Type": CONTENT_TYPE,
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes are not logged."""

    return Handler
