"""The live page as one document: its program, its styles and its charts inside, nothing fetched from anywhere else.

The same document serves a running server (it asks `data` beside its own address) and a file that is sent to somebody
(the data are embedded, and it asks nobody).
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from vllm_costmeter.core.dataclass import dataclass

ASSETS = Path(__file__).with_name("assets")
STYLES = ("uPlot.min.css", "page.css")
SCRIPTS = ("uPlot.iife.min.js", "figures.js", "model.js", "charts.js", "sections.js", "page.js")


@dataclass(frozen=True, slots=True)
class PageDocument:
    """HTML, and what the browser is told to allow it."""

    html: str
    content_security_policy: str

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the HTTP answer."""
        return {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": f"{self.content_security_policy}; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }


def page_document(data: Mapping[str, Any] | None = None) -> PageDocument:
    """The page. `data`: what `GET /costmeter/data` answered, for a page that is frozen; None: a live one."""
    return _live() if data is None else _document(data)


@cache
def _live() -> PageDocument:
    return _document(None)


def _document(data: Mapping[str, Any] | None) -> PageDocument:
    styles, scripts = ([(ASSETS / name).read_text() for name in names] for names in (STYLES, SCRIPTS))
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {' '.join(map(_hash, styles))}",
            f"connect-src {chr(39)}{'none' if data is not None else 'self'}{chr(39)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    parts = {
        "<!-- policy -->": f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        "<!-- styles -->": "".join(f"<style>{style}</style>" for style in styles),
        "<!-- data -->": "" if data is None else _embedded(data),
        "<!-- scripts -->": "".join(f"<script>{script}</script>" for script in scripts),
    }
    html = (ASSETS / "page.html").read_text()
    for mark, part in parts.items():
        before, found, after = html.partition(mark)
        assert found, mark
        html = f"{before}{part}{after}"
    return PageDocument(html, policy)


def _hash(content: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _embedded(data: Mapping[str, Any]) -> str:
    """As text that no browser takes for anything but data, whatever names it holds."""
    text = json.dumps(data).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script type="application/json" id="embedded">{text}</script>'
