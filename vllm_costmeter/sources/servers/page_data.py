"""What a server's live page draws, read once."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.servers.targets import page_address
from vllm_costmeter.sources.targets.http_page import HttpPages, PageError

PATH = "/costmeter/data"
SCHEMA = "costmeter.status/"
MOST_BYTES = 64 << 20
"""An hour of sixteen servers has some 20 MB."""
KEY_VARIABLE = "VLLM_API_KEY"


def data_address(text: str) -> str:
    """Of the data of the server at an address as typed: the server's own, or that of its page or its metrics. Raises
    BadInputError."""
    parts = urllib.parse.urlsplit(page_address(text))
    prefix = parts.path.rstrip("/")
    for known in (PATH, "/costmeter", "/metrics"):
        if prefix.endswith(known):
            prefix = prefix.removesuffix(known)
            break
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, f"{prefix}{PATH}", "", ""))


def page_data(
    address: str, authorization: Callable[[], str | None] = lambda: None, within_seconds: float = 20.0
) -> dict[str, Any]:
    """The document. Raises BadInputError, which names the address, if there is none."""
    pages = HttpPages(
        address, timeout_seconds=within_seconds, authorization=authorization, most_bytes=MOST_BYTES
    )
    try:
        text, _ = pages.get()
    except PageError as why:
        raise BadInputError(_reason(address, why)) from None
    finally:
        pages.close()
    try:
        found = json.loads(text)
        if not str(found["schema"]).startswith(SCHEMA) or not isinstance(found["history"], dict):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BadInputError(f"{address} is not the data of a live page: it begins {text[:40]!r}") from None
    data: dict[str, Any] = found
    return data


def _reason(address: str, why: PageError) -> str:
    if why.reason == "unauthorized":
        return f"{address} asks for the server's API key: set {KEY_VARIABLE}, or --key-file FILE, to one that it takes"
    if why.reason == "not_found":
        return (
            f"{address} is not there: is it a server with --plugin costmeter or a costmeter exporter, and is its page "
            "on (--costmeter-page)?"
        )
    return str(why)
