"""Addresses of servers: as typed, and in a file that is read again when it changes."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import OTHERWISE, BadInputError, unreadable

PAGE = "/metrics"
ALLOWED = "give one such as gpu-1:8000 or http://gpu-1:8000/metrics"


def page_address(text: str) -> str:
    """The address of the server's page: http and `/metrics` unless it says otherwise. Raises BadInputError."""
    given = text.strip()
    address = given if "://" in given else f"http://{given}"
    try:
        parts = urllib.parse.urlsplit(address)
        port = parts.port
    except ValueError:
        raise BadInputError(f"{given[:80]!r} is no address of a server: {ALLOWED}") from None
    plain = address.isprintable() and " " not in address
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not plain:
        raise BadInputError(f"{given[:80]!r} is no address of a server: {ALLOWED}")
    if parts.username or parts.password:
        raise BadInputError(f"an address with a password is shown on the screen: {ALLOWED}")
    path = parts.path if parts.path.strip("/") else PAGE
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def page_addresses(texts: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order."""
    return tuple(dict.fromkeys(map(page_address, texts)))


class TargetFile:
    """One address a line, `#` begins a comment; or Prometheus' file_sd in JSON."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._addresses: tuple[str, ...] = ()
        self.fault: str | None = None
        """Why the latest version of the file is not in use."""

    def read(self) -> tuple[str, ...]:
        """As the file is now. Raises BadInputError."""
        try:
            status = self._path.stat()
            text = self._path.read_text()
        except (OSError, UnicodeDecodeError) as fault:
            raise BadInputError(str(unreadable(str(self._path), fault))) from None
        self._seen = (status.st_mtime_ns, status.st_size)
        self._addresses = page_addresses(_listed(text, self._path))
        self.fault = None
        return self._addresses

    def latest(self) -> tuple[str, ...]:
        """As the file is now, or as it last was while it cannot be read; then `fault` says why."""
        try:
            status = self._path.stat()
            if (status.st_mtime_ns, status.st_size) == self._seen:
                return self._addresses
            return self.read()
        except (OSError, BadInputError) as fault:
            self.fault = str(fault)
        return self._addresses


def _listed(text: str, path: Path) -> Iterable[str]:
    if not text.lstrip().startswith("["):
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return [line for line in lines if line]
    try:
        groups: Any = json.loads(text)
        return [str(target) for group in groups for target in group["targets"]]
    except OTHERWISE:
        raise BadInputError(f'{path} is not file_sd JSON: [{{"targets": ["gpu-1:8000"]}}]') from None
