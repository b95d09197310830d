"""What the routes of the page answer, on vLLM's port and on that of `costmeter exporter`.

The page itself is the same for every server and holds no data, so it is open as vLLM's own /docs is: a browser cannot
send a key with its first request. What the page then asks for needs the key.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from vllm_costmeter.core.page.negotiation import wants_html
from vllm_costmeter.outputs.page.document import page_document

Answer = tuple[int, bytes, Mapping[str, str]]
"""Status, body and headers."""
JSON: Mapping[str, str] = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
REFUSED: Answer = (401, b'{"error": "Unauthorized"}', JSON)
"""As vLLM says it."""


def page_or_status(may_pass: bool, accept: str, status: Callable[[], Mapping[str, Any]]) -> Answer:
    """`GET /costmeter`: the page for browsers, the metrics as JSON for everyone else, by the Accept header."""
    if wants_html(accept):
        page = page_document()
        return 200, page.html.encode(), {**page.headers, "Vary": "Accept"}
    if not may_pass:
        return REFUSED
    return 200, json.dumps(status()).encode(), {**JSON, "Vary": "Accept"}


def page_data(may_pass: bool, query: str, data: Callable[[str, float], bytes]) -> Answer:
    """`GET /costmeter/data`. `?instance=ID&since=UPTIME`: of that instance only the moments after that one."""
    if not may_pass:
        return REFUSED
    asked = {name: values[-1] for name, values in parse_qs(query[:500]).items()}
    return 200, data(asked.get("instance", ""), _seconds(asked.get("since", ""))), JSON


def _seconds(text: str) -> float:
    """What is no number asks for everything."""
    try:
        seconds = float(text)
    except ValueError:
        return -1.0
    return seconds if math.isfinite(seconds) else -1.0
