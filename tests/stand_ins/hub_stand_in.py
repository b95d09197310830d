"""A stand-in of the Hub on 127.0.0.1: the listing and the files of made-up repositories, with ranges and tokens."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Repositories by id, as folders; what was asked; and how it misbehaves."""

    folders: dict[str, Path]
    token: str | None = None
    """What a request must carry, None for public repositories."""
    gated: bool = False
    ignores_ranges: bool = False
    broken: int | None = None
    """An HTTP status that answers everything."""
    url: str = ""
    requests: list[str] = field(default_factory=list)
    bytes_sent: int = 0


@contextmanager
def hub(stand_in: Hub) -> Iterator[Hub]:
    """Serve until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stand_in))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(stand_in: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            stand_in.requests.append(f"{self.path} {self.headers.get('Range') or ''}".strip())
            if stand_in.broken:
                return self._fail(stand_in.broken, "")
            if stand_in.token and self.headers.get("Authorization") != f"Bearer {stand_in.token}":
                return self._fail(401, "GatedRepo" if stand_in.gated else "RepoNotFound")
            words = self.path.strip("/").split("/")
            is_listing = words[:2] == ["api", "models"]
            repository = "/".join(words[2:4] if is_listing else words[:2])
            folder = stand_in.folders.get(repository)
            if folder is None:
                return self._fail(404, "RepoNotFound")
            revision = words[5] if is_listing and len(words) > 5 else "main" if is_listing else words[3]
            if revision not in ("main", COMMIT):
                return self._fail(404, "RevisionNotFound")
            if is_listing:
                files = [{"rfilename": file.name} for file in sorted(folder.iterdir())]
                return self._send(
                    200, json.dumps({"id": repository, "sha": COMMIT, "siblings": files}).encode()
                )
            file = folder / "/".join(words[4:])
            return self._send_file(file) if file.is_file() else self._fail(404, "EntryNotFound")

        def _send_file(self, file: Path) -> None:
            wanted, size = self.headers.get("Range"), file.stat().st_size
            if wanted is None or stand_in.ignores_ranges:
                with file.open("rb") as stream:
                    return self._send(200, stream.read())
            first, last = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
            with file.open("rb") as stream:
                stream.seek(first)
                data = stream.read(last - first + 1)
            return self._send(206, data, {"Content-Range": f"bytes {first}-{first + len(data) - 1}/{size}"})

        def _fail(self, status: int, code: str) -> None:
            self._send(
                status,
                b"{}",
                {"X-Error-Code": code, "X-Error-Message": f"seen {self.headers}"[:80].split("\n")[0]},
            )

        def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(data)
                stand_in.bytes_sent += len(data)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    return Handler
