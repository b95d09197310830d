"""Who gets a page and who gets data."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.page.negotiation import wants_html


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            True,
        ),  # Firefox
        ("text/html, */*;q=0.1", True),
        ("TEXT/HTML", True),
        ("application/json;q=0.5, text/html;q=0.9", True),
        ("*/*", False),  # curl, httpx, requests
        ("", False),
        ("application/json", False),
        ("application/json, text/plain, */*", False),  # axios
        ("application/json, text/html;q=0.9", False),
        ("text/html;q=0", False),
        ("text/html;q=x", False),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            False,
        ),  # Prometheus
        (",;=;,", False),
        ("a," * 100_000, False),
    ],
)
def test_a_browser_wants_the_page(accept: str, page: bool) -> None:
    """Everyone who does not name HTML, or wants JSON more, gets JSON."""
    assert wants_html(accept) is page
