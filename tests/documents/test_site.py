"""The documents as a site: a strict build, links and anchors that lead somewhere, nothing loaded from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LOADS = {("script", "src"), ("img", "src"), ("source", "srcset"), ("iframe", "src"), ("link", "href")}


class Page(HTMLParser):
    """What one built page links to, loads, and can be linked to at."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif (tag, name) in LOADS and value:
                self.loaded.append(value)
            elif (tag, name) == ("a", "href") and value:
                self.links.append(value)


def test_every_link_of_the_built_pages_leads_to_a_page_and_an_anchor_that_exist(site: Path) -> None:
    pages = {path: Page(path.read_text()) for path in site.rglob("*.html") if path.name != "404.html"}
    broken = []
    for path, page in pages.items():
        for link in (*page.links, *page.loaded):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                broken.append(f"{path.name}: {link}: no such page")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                broken.append(f"{path.name}: {link}: no such anchor")
    assert len(pages) > 30
    assert broken == []


def test_the_built_pages_load_nothing_from_another_host(site: Path) -> None:
    for path in site.rglob("*.html"):
        elsewhere = [each for each in Page(path.read_text()).loaded if urlsplit(each).netloc]
        assert elsewhere == [], path.name
    for path in site.rglob("*.css"):
        assert "url(http" not in path.read_text(), path.name


def test_the_navigation_lists_every_page_once() -> None:
    """The generator builds a page that nobody can reach, and says nothing."""
    listed = list(pages_of(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert sorted(listed) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


def pages_of(nav: object) -> list[str]:
    """The files of a navigation, in its order."""
    if isinstance(nav, str):
        return [nav]
    inner = nav.values() if isinstance(nav, dict) else nav
    assert not isinstance(inner, str)
    return [page for each in inner for page in pages_of(each)]  # type: ignore[attr-defined]


def test_pages_link_only_within_the_documents() -> None:
    """What lies elsewhere in the repository is named and not linked: a site has no such page."""
    for path in DOCS.rglob("*.md"):
        up = re.findall(r"\]\((\.\.[^)#]*)", path.read_text())
        outside = [link for link in up if not (path.parent / link).resolve().is_relative_to(DOCS)]
        assert outside == [], path.name


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_what_the_first_pages_link_to_exists(name: str) -> None:
    text = (ROOT / name).read_text()
    links = re.findall(r"\]\(([^)#]+)[^)]*\)|srcset=\"([^\"]+)\"|src=\"([^\"]+)\"", text)
    for link in ("".join(found) for found in links):
        assert urlsplit(link).scheme or (ROOT / link).exists(), link
