"""docs/troubleshooting.md: every message by its text, under its kind, with the cause and what to do."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from scripts.pages.messages import Message, messages

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Kind:
    """What messages have in common; `matches` are regular expressions of texts, `places` patterns of files. Notes below
    an answer are of the kinds of notes alone."""

    title: str
    cause: str
    do: str
    matches: Sequence[str] = field(default=())
    places: Sequence[str] = field(default=())
    is_of_notes: bool = False

    def has(self, message: Message) -> bool:
        """True if the message is of this kind."""
        if message.is_note != self.is_of_notes:
            return False
        return any(re.search(each, message.text) for each in self.matches) or any(
            fnmatch(message.place, each) for each in self.places
        )


def kinds() -> list[Kind]:
    """In their order: the first one that fits counts."""
    rows: list[dict[str, Any]] = tomllib.loads((HERE / "troubleshooting.toml").read_text())["kind"]
    return [Kind(**row) for row in rows]


def sorted_out() -> dict[str, list[Message]]:
    """Messages by the title of their kind. ValueError for one of no kind."""
    found: dict[str, list[Message]] = defaultdict(list)
    known = kinds()
    for message in messages():
        kind = next((kind for kind in known if kind.has(message)), None)
        if kind is None:
            raise ValueError(
                f"{message.place}:{message.line}: {message.text!r} is of no kind in scripts/pages/troubleshooting.toml"
            )
        found[kind.title].append(message)
    return found


def troubleshooting() -> str:
    """The page: symptoms by hand (troubleshooting.md here), then the messages by kind."""
    found = sorted_out()
    lines = [(HERE / "troubleshooting.md").read_text().rstrip(), ""]
    for kind in kinds():
        texts = sorted({message.text for message in found.get(kind.title, ())}, key=str.casefold)
        if not texts:
            continue
        lines += [f"### {kind.title}", "", f"**Why:** {kind.cause}", "", f"**What to do:** {kind.do}", ""]
        lines += [*(f"- {_quoted(text)}" for text in texts), ""]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"
