"""The fenced blocks of the documents, and the commands in them.

A block is run by a test, or the line before it says why not: `<!-- not run: it needs a cluster -->`, which no reader of
the page sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
_NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
_EXITS = re.compile(r"\bexit (\d+)")


class Command(NamedTuple):
    """`text` as a shell reads it, without its comment; `status` that the comment names (`# exit 1: refused`); the lines
    shown below it."""

    text: str
    status: int
    shown: tuple[str, ...]


class Block(NamedTuple):
    """`line` is the number of the opening fence; `not_run` the reason why no test runs it."""

    page: str
    line: int
    language: str
    text: str
    not_run: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list[Command]:
        """What follows each `$ `, with its continued lines."""
        found: list[Command] = []
        for entry in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            first, *rest = re.sub(r"\\\n\s*", "", entry).splitlines()
            text, _, comment = first.partition(" # ")
            exits = _EXITS.search(comment)
            found.append(Command(text.strip(), int(exits[1]) if exits else 0, tuple(rest)))
        return found


def blocks() -> list[Block]:
    """Of every page."""
    return [block for page in PAGES if page.is_file() for block in _blocks_of(page)]


def indented() -> list[str]:
    """Code set apart by four spaces alone, which names no language and would be passed over: `page:line`."""
    found = []
    for page in (page for page in PAGES if page.is_file()):
        fenced, before = False, ""
        for at, line in enumerate(page.read_text().splitlines(), start=1):
            fenced ^= line.lstrip().startswith("```")
            if line.startswith("    ") and not before.strip() and not fenced:
                found.append(f"{page.relative_to(ROOT)}:{at}")
            before = line
    return found


def _blocks_of(page: Path) -> Iterator[Block]:
    lines = page.read_text().splitlines()
    opened: int | None = None
    for at, line in enumerate(lines):
        if not line.lstrip().startswith("```"):
            continue
        if opened is None:
            opened = at
            continue
        before = next((text for text in reversed(lines[:opened]) if text.strip()), "")
        reason = _NOT_RUN.fullmatch(before.strip())
        indent = len(lines[opened]) - len(lines[opened].lstrip())
        yield Block(
            page=str(page.relative_to(ROOT)),
            line=opened + 1,
            language=lines[opened].strip("` \n"),
            text="\n".join(text[indent:] for text in lines[opened + 1 : at]),
            not_run=reason[1] if reason else None,
        )
        opened = None
