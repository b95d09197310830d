"""Valid bash that tree-sitter's grammar refuses (0.25, read 2026-11), rewritten to what it reads.

Each rewriting keeps the lines, and leaves alone what may hold a server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_START = re.compile(rb"<<-?[ \t]*([\"']?)\\?(\w+)\1(?=[^\n]*\|)")
_READS_AND_WRITES = re.compile(rb"(?<=[\d}\s])<>(?=\s*[\w/$\"&])")
"""`exec 3<>/dev/tcp/HOST/PORT`."""
_LONGEST_TEXT = 500
"""Lines of a here-document."""


def rewritten(source: bytes) -> Iterator[bytes]:
    """Versions of a script that the grammar refused, to be tried in order; each has the changes of those before it."""
    source = _READS_AND_WRITES.sub(b"> ", source)
    yield source
    source = b"\n".join(map(_without_escaped_backquotes, source.split(b"\n")))
    yield source
    yield _without_piped_texts(source)


def _without_escaped_backquotes(line: bytes) -> bytes:
    """A quoted text with one and `${NAME:+...}` in it; its letters decide nothing."""
    return line if b"vllm" in line else line.replace(b"\\`", b"__")


def _without_piped_texts(source: bytes) -> bytes:
    """Without here-documents whose line goes on with a pipe into a loop: the loop's body stands behind the text."""
    lines = source.split(b"\n")
    words = {line.lstrip(b"\t") for line in lines}
    at = 0
    while at < len(lines):
        start = _START.search(lines[at])
        ends = range(at + 1, min(at + 1 + _LONGEST_TEXT, len(lines))) if start and start[2] in words else ()
        end = next((number for number in ends if start and lines[number].lstrip(b"\t") == start[2]), None)
        if start and end is not None and not any(b"vllm" in line for line in lines[at:end]):
            lines[at] = lines[at][: start.start()] + lines[at][start.end() :]
            lines[at + 1 : end + 1] = [b""] * (end - at)
        at += 1 if end is None else end - at + 1
    return b"\n".join(lines)
