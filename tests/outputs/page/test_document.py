"""The page's document."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode

import pytest

from vllm_costmeter.outputs.page.document import ASSETS, page_document

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!-- scripts -->",
    "<!--<script>",
    "\u2028]]>",
    "&lt;",
    "${1}",
)


def inline(html: str, tag: str) -> list[str]:
    return re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)


def test_every_script_and_style_is_allowed_by_its_hash_and_nothing_else_is() -> None:
    """No unsafe-inline, no eval, no other host; the frame and the base are closed."""
    page = page_document()
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (allowed,) = re.findall(rf"{directive} ([^;]*)", page.content_security_policy)
        digests = [
            b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in inline(page.html, tag)
        ]
        assert digests
        assert allowed.split() == [f"'sha256-{digest}'" for digest in digests]
    assert page.content_security_policy.startswith("default-src 'none'; ")
    assert "unsafe" not in page.content_security_policy
    assert "connect-src 'self'" in page.content_security_policy
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


def test_it_fetches_nothing_from_anywhere() -> None:
    """No address of another host but in comments and the licence; no inline style or handler, which the policy would
    refuse."""
    html = page_document().html
    assert re.findall(r'(?:src|href)="(?!data:,|#content)[^"]*"', html) == []
    assert set(re.findall(r"https?://[\w./-]+", html)) <= {"https://github.com/leeoniya/uPlot"}
    shell = re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.DOTALL)
    assert not re.search(r"\son\w+=|\sstyle=", shell)


def test_our_scripts_write_names_as_text_only() -> None:
    """innerHTML and its like occur nowhere."""
    ours = [path for path in ASSETS.glob("*.js") if not path.name.startswith("uPlot")]
    assert len(ours) == 5
    for path in ours:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", path.read_text()
        )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_frozen_page_embeds_data_that_no_browser_takes_for_anything_else(name: str) -> None:
    """They come out as they went in, and asking anybody is not allowed."""
    page = page_document({"metrics": {name: [{"labels": {"model_name": name}, "value": 1}]}})
    (embedded,) = re.findall(
        r'<script type="application/json" id="embedded">(.*?)</script>', page.html, re.DOTALL
    )
    assert json.loads(embedded) == {"metrics": {name: [{"labels": {"model_name": name}, "value": 1}]}}
    assert not set("<>&") & set(embedded)
    assert len(inline(page.html, "script")) == len(inline(page_document().html, "script"))
    assert "connect-src 'none'" in page.content_security_policy


def test_the_charting_library_keeps_its_licence() -> None:
    """Pinned by its name; the text lies beside it and goes into the wheel."""
    assert "uPlot (v1.6.32)" in (ASSETS / "uPlot.iife.min.js").read_text()[:100]
    assert "MIT License" in (ASSETS / "uPlot.LICENSE").read_text()
