"""The built site in a real browser, from a folder and from a web server: its search, and whom it asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from required_browser import required_browser

from scripts.live_page.browser import HERE as PACKAGES
from scripts.live_page.browser import look

pytestmark = pytest.mark.heavy

PAGES = ("index.html", "tutorial.html", "dashboards.html", "troubleshooting.html", "upstream/0.33.0.html")
FOUND = """(() => {
  const roots = [...document.querySelectorAll('*')].map((each) => each.shadowRoot);
  const search = roots.find((root) => root?.querySelector('input'));
  return search && [search.querySelector('input').value, ...[...search.querySelectorAll('a')].map((each) => each.href)];
})()"""
SEARCH: list[dict[str, Any]] = [
    {"script": "document.querySelector('.md-search__button').click()"},
    {"until": FOUND},
    {"wait": 500},  # until it takes letters
    *({"press": letter} for letter in "chargeback"),
    {"until": f"{FOUND}.some((each) => each.endsWith('/chargeback.html'))"},
    {"script": FOUND},
]


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(params=["folder", "server"])
def address(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """Where the site begins, with a slash at its end."""
    if request.param == "folder":
        yield f"{site.as_uri()}/"
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_the_site_searches_and_asks_no_other_host(address: str) -> None:
    """Opened from a folder too, where a browser starts no worker: docs/assets/iframe-worker.js takes its place."""
    required_browser(PACKAGES)
    looks = look(
        [{"url": address + page, "theme": "light", "width": 1280, "steps": SEARCH} for page in PAGES]
    )
    for page, seen in zip(PAGES, looks, strict=True):
        typed, *links = seen["answers"][-1]
        assert typed == "chargeback", page
        assert f"{address}chargeback.html" in links, page
        assert seen["complaints"] == [], page
        elsewhere = [asked for asked in seen["requests"] if not asked.startswith((address, "data:"))]
        assert elsewhere == [], page
