"""Secrets from files, read again when they change: a token is never on a command line."""

from __future__ import annotations

import base64
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError, unreadable

MOST_BYTES = 65_536


class SecretFile:
    """A file with one line: a token, or USER:PASSWORD. Kubernetes replaces such files while they are in use."""

    def __init__(self, path: Path, flag: str, *, pair: bool = False) -> None:
        """BadInputError if it cannot be read, is empty, or should be USER:PASSWORD and is not."""
        self._path, self._flag, self._pair = path, flag, pair
        self._seen: tuple[int, int] | None = None
        self._text = ""
        self.text()

    def text(self) -> str:
        """The secret now; the last one read, if the file is gone."""
        try:
            state = self._path.stat()
            if (state.st_mtime_ns, state.st_size) != self._seen:
                self._text = self._read()
                self._seen = state.st_mtime_ns, state.st_size
        except (OSError, BadInputError) as why:
            if not self._text:
                raise why if isinstance(why, BadInputError) else unreadable(self._path, why) from None
        return self._text

    def header(self) -> str:
        """The value of an Authorization header."""
        text = self.text()
        return f"Basic {base64.b64encode(text.encode()).decode()}" if self._pair else f"Bearer {text}"

    def _read(self) -> str:
        with self._path.open("rb") as file:
            text = file.read(MOST_BYTES).decode("utf-8", errors="replace").strip()
        if not text or not text.isprintable():
            raise BadInputError(
                f"{self._flag} {self._path} must have the secret in one line; it is empty or binary"
            )
        if self._pair and ":" not in text:
            raise BadInputError(f"{self._flag} {self._path} must have USER:PASSWORD in one line")
        return text if self._pair else _token(text, f"{self._flag} {self._path}")


def _token(text: str, called: str) -> str:
    """BadInputError, without the token, for one that no header can hold (RFC 6750, section 2.1)."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise BadInputError(f"{called} is no token: it has spaces, or other characters than ASCII's")
    return text


class Secret:
    """A token from an environment variable."""

    def __init__(self, text: str, variable: str) -> None:
        """BadInputError if it cannot be one."""
        self._text = _token(text.strip(), variable)

    def text(self) -> str:
        """It."""
        return self._text

    def header(self) -> str:
        """The value of an Authorization header."""
        return f"Bearer {self._text}"
