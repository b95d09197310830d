"""The ended requests of each API process in the directory that they share, so that any of them can answer for all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from vllm_costmeter.core.requests.ended import EndedRequest
from vllm_costmeter.core.requests.recent import KEPT_SECONDS
from vllm_costmeter.core.requests.request_lines import id_key, lines_with, to_line

FILES = 4
FILE_BYTES = 4 << 20
"""Of each process: 16 MiB in all, some 25,000 requests, each written when it ends and when it is settled."""
NAME = "costmeter_requests_{rank}_{file}.jsonl"
PATTERN = NAME.format(rank="*", file="*")


class RequestFiles:
    """Written by the sampler's thread of the process `rank`, in turn, the oldest file anew; read by all. Private to the
    server's user: there are tenants in them."""

    def __init__(self, directory: Path, rank: int, file_bytes: int = FILE_BYTES) -> None:
        self._directory = directory
        self._rank = rank
        self._file_bytes = file_bytes
        self._current = 0
        self._size = 0
        self._is_open = False

    def append(self, requests: Iterable[EndedRequest]) -> None:
        """Raises OSError if the directory is gone or full."""
        lines = b"".join(map(to_line, requests))
        if not lines:
            return
        if self._is_open and self._size + len(lines) > self._file_bytes:
            self._current = (self._current + 1) % FILES
            self._is_open = False
        begins = not self._is_open
        path = self._directory / NAME.format(rank=self._rank, file=self._current)
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if begins else os.O_APPEND)
        descriptor = os.open(path, flags, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(lines)
        self._size = len(lines) if begins else self._size + len(lines)
        self._is_open = True

    def find(self, request_id: str, now_unix_seconds: float) -> EndedRequest | None:
        """The latest state of the latest request with this id in the last hour, of any process."""
        found: EndedRequest | None = None
        for path in self._directory.glob(PATTERN):
            for request in lines_with(_content(path), id_key(request_id)):
                if request_id not in request.names:
                    continue
                if now_unix_seconds - request.ended_unix_seconds > KEPT_SECONDS:
                    break
                if found is None or request.ended_unix_seconds >= found.ended_unix_seconds:
                    found = request
                break
        return found


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # replaced meanwhile
