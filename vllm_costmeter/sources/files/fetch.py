"""The text at a path or an http(s) URL, with limits on time and size."""

from __future__ import annotations

import contextlib
import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError, unreadable
from vllm_costmeter.sources.files.error_body import MOST_BYTES as MOST_ERROR_BYTES
from vllm_costmeter.sources.files.error_body import error_text

TIMEOUT_SECONDS = 20.0
ERROR_BODY_SECONDS = 2.0
PIECE_BYTES = 64 << 10
MOST_BYTES = 256 << 20  # the largest public catalogue (skypilot's AWS list) has about 20 MB

_HOST_AND_PORT = re.compile(r"[\w.-]+:\d+(/|$)")


def is_url(text: str) -> bool:
    """Whether `text` is a URL."""
    return text.lower().startswith(("http://", "https://"))


def fetch_text(
    place: str,
    accept: str = "*/*",
    *,
    called: str | None = None,
    most_bytes: int = MOST_BYTES,
    within_seconds: float | None = None,
    authorization: str | None = None,
) -> str:
    """The text at that place. Raises BadInputError, which names the place as `called`, if it cannot be read, is too
    large, or is not text. A URL may be silent for `TIMEOUT_SECONDS`; with `within_seconds`, all of it must have come
    by then. With an `Authorization` header no redirect is followed: it is for nobody else."""
    name = called or place
    try:
        content = (
            _download(place, accept, most_bytes, within_seconds, authorization)
            if is_url(place)
            else _read(Path(place), most_bytes)
        )
    except (OSError, http.client.HTTPException, ValueError) as fault:
        if is_url(place) or not isinstance(fault, OSError):
            raise BadInputError(f"{name}: {_reason(fault, within_seconds or TIMEOUT_SECONDS)}") from None
        hint = "; an address begins with http://" if _HOST_AND_PORT.match(place) else ""
        raise BadInputError(f"{unreadable(name, fault)}{hint}") from None
    if len(content) > most_bytes:
        raise BadInputError(f"{name}: more than {most_bytes >> 20} MiB; give a smaller extract")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise BadInputError(f"{name} is not text") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _download(
    url: str, accept: str, most_bytes: int, within_seconds: float | None, authorization: str | None
) -> bytes:
    request = urllib.request.Request(url, headers={"Accept": accept, "User-Agent": "costmeter"})
    opened: Callable[..., Any] = urllib.request.urlopen
    if authorization is not None:
        request.add_header("Authorization", authorization)
        opened = urllib.request.build_opener(_NoRedirects).open
    if within_seconds is None:
        with opened(request, timeout=TIMEOUT_SECONDS) as answer:
            content: bytes = answer.read(most_bytes + 1)
        return content
    deadline = time.monotonic() + within_seconds
    with opened(request, timeout=within_seconds) as answer:
        pieces, count = [], 0
        while count <= most_bytes and (piece := answer.read1(PIECE_BYTES)):
            pieces.append(piece)
            count += len(piece)
            if time.monotonic() > deadline:
                raise TimeoutError
        if answer.length and count <= most_bytes:
            raise http.client.IncompleteRead(b"".join(pieces), answer.length)
    return b"".join(pieces)


def _read(path: Path, most_bytes: int) -> bytes:
    """In pieces: a read of that many bytes would take the memory for them, whatever the file has."""
    pieces, count = [], 0
    with path.open("rb") as file:
        while count <= most_bytes and (piece := file.read(PIECE_BYTES)):
            pieces.append(piece)
            count += len(piece)
    return b"".join(pieces)


def _error_body(fault: urllib.error.HTTPError) -> bytes:
    """As much as comes at once; a server that hangs now has said its status already."""
    content, deadline = b"", time.monotonic() + ERROR_BODY_SECONDS
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
        while len(content) < MOST_ERROR_BYTES and time.monotonic() < deadline:
            if not (piece := fault.fp.read1(MOST_ERROR_BYTES)):  # type: ignore[attr-defined]
                break
            content += piece
    return content


def _reason(fault: Exception, within_seconds: float) -> str:
    if isinstance(fault, urllib.error.HTTPError):
        if 300 <= fault.code < 400 and (where := fault.headers.get("Location")):
            return f"redirects to {where.partition('?')[0][:200]}, where no credentials are sent: name that address"
        return f"responded with {fault.code} {fault.reason}{error_text(_error_body(fault))}"
    if isinstance(fault, urllib.error.URLError):
        reason = fault.reason
        if isinstance(reason, TimeoutError):
            return f"did not respond within {within_seconds:g} s"
        return f"cannot be reached: {getattr(reason, 'strerror', None) or reason}"
    if isinstance(fault, TimeoutError):
        return f"did not respond within {within_seconds:g} s"
    return getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
