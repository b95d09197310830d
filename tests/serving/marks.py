"""Secrets that can be recognised wherever they end up."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.parse
from collections.abc import Iterable, Mapping
from pathlib import Path

LONGEST_FILE_BYTES = 64 << 20


class Marks:
    """Each in a form that nothing else has. A form is found in any case of its letters."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def new(self, where: str) -> str:
        """A secret for that place."""
        text = f"zq{hashlib.sha256(where.encode()).hexdigest()[:20]}mark"
        self.add(where, text)
        return text

    def add(self, where: str, text: str) -> None:
        """A text that others made, such as an answer."""
        self._texts[where] = text

    def found_in(self, pieces: Mapping[str, bytes]) -> list[str]:
        """`PLACE has the mark of WHERE` for each that is there, whole, encoded or as a digest without a key."""
        lowered = {place: content.lower() for place, content in pieces.items()}
        return [
            f"{place} has the mark of {where}"
            for where, text in self._texts.items()
            for place, content in lowered.items()
            if any(form.lower() in content for form in _forms(text))
        ]


def _forms(text: str) -> set[bytes]:
    digest = hashlib.sha256(text.encode())
    return {
        text.encode(),
        text.encode()[::-1],
        text.encode("utf-16-le"),
        text.encode().hex().encode(),
        json.dumps(text)[1:-1].encode(),
        urllib.parse.quote(text).encode(),
        base64.b64encode(text.encode()).rstrip(b"="),
        digest.hexdigest()[:12].encode(),
        digest.digest()[:12],
        hashlib.md5(text.encode()).hexdigest()[:12].encode(),
    }


def files_below(folders: Iterable[Path]) -> dict[str, bytes]:
    """The content of every file, by its path; what goes away meanwhile is left out."""
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            try:
                if path.is_file() and path.stat().st_size < LONGEST_FILE_BYTES:
                    found[str(path)] = path.name.encode() + b"\n" + path.read_bytes()
            except OSError:
                continue
    return found


def environments(group: int, beginning: str) -> dict[str, bytes]:
    """The variables with that beginning of every process of a process group, by process id."""
    found = {}
    for process in Path("/proc").iterdir():
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                variables = (process / "environ").read_bytes().split(b"\0")
                found[process.name] = b"\n".join(
                    each for each in variables if each.startswith(beginning.encode())
                )
        except (OSError, IndexError, ValueError):
            continue
    return found
