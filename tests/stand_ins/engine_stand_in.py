"""An engine's HTTP server that can be told to misbehave."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "engines"


def recorded(name: str) -> str:
    """A recorded page."""
    return (DATA / f"{name}.txt").read_text()


def vllm_page(
    prompt: int = 0, cached: int = 0, generated: int = 0, running: int = 0, model: str = "tiny"
) -> str:
    """A page of vLLM with these numbers."""
    of = f'{{engine="0",model_name="{model}"}}'
    return (
        f"vllm:prompt_tokens_total{of} {prompt}.0\nvllm:prompt_tokens_cached_total{of} {cached}.0\n"
        f"vllm:generation_tokens_total{of} {generated}.0\nvllm:num_requests_running{of} {running}.0\n"
    )


class EngineStandIn:
    """What it answers, changed while it runs: `page`, or what `misbehave` does with the handler."""

    def __init__(self) -> None:
        self.page = vllm_page()
        self.pages: dict[str, str] = {}
        """By path; `page` for every other."""
        self.misbehave: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.asked: list[str] = []
        self.credentials: list[str | None] = []
        self.url = ""
        self.released = threading.Event()
        """Ends every hang."""

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        """Never answer."""
        self.released.wait(30)

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        """A byte every tenth of a second, for ever."""
        handler.send_response(200)
        handler.end_headers()
        while not self.released.wait(0.1):
            handler.wfile.write(b"#")
            handler.wfile.flush()

    def huge(self, handler: BaseHTTPRequestHandler) -> None:
        """Ten megabytes and more, without a length."""
        handler.send_response(200)
        handler.end_headers()
        for _ in range(64):
            handler.wfile.write(b"x 1\n" * 65_536)

    def truncated(self, handler: BaseHTTPRequestHandler) -> None:
        """Half of what was announced."""
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"x 1\n")
        handler.close_connection = True

    def hang_up(self, handler: BaseHTTPRequestHandler) -> None:
        """No answer at all."""
        handler.close_connection = True
        handler.connection.close()


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer without a page."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


@contextmanager
def engine(tls: ssl.SSLContext | None = None) -> Iterator[EngineStandIn]:
    """Serve on a free port; connections are kept, as by the engines."""
    stand_in = EngineStandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            stand_in.asked.append(self.path)
            stand_in.credentials.append(self.headers.get("Authorization"))
            if stand_in.misbehave is not None:
                stand_in.misbehave(self)
                return
            body = stand_in.pages.get(self.path, stand_in.page).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hung up."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    stand_in.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}/metrics"
    try:
        yield stand_in
    finally:
        stand_in.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
