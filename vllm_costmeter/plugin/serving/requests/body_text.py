"""Single text fields of a JSON body, without parsing the rest: bodies hold prompts and images of megabytes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

MOST_TOKENS = 20_000
"""Strings, brackets and braces that are looked at: some milliseconds on the event loop. A body with more that has not
named the field by then names none."""

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[{}\[\]]', re.DOTALL)
"""A string without its closing quote ends with the body: looked for again from each escaped quote in it, 16 KB of them
would take seconds."""
_COLON = re.compile(rb"\s*:\s*")


def top_level_texts(body: bytes, fields: Sequence[str]) -> dict[str, str]:
    """The values of `fields` in the outermost object that are texts; of a repeated field the last one, as in Python's
    own parser."""
    wanted = {key: field for field in fields if (key := b'"%b"' % field.encode()) in body}
    if not wanted:
        return {}
    found: dict[str, str] = {}
    depth, end = 0, 0
    for count, token in enumerate(_TOKEN.finditer(body)):
        text = token.group()
        if count >= MOST_TOKENS:
            break
        if text in b"{[":
            depth += 1
        elif text in b"}]":
            depth -= 1
        elif depth == 1 and text in wanted and token.start() >= end:
            colon = _COLON.match(body, token.end())
            value = _TOKEN.match(body, colon.end()) if colon is not None else None
            if value is not None and value.group().startswith(b'"'):
                end = value.end()
                found[wanted[text]] = _text(value.group())
    return found


def _text(token: bytes) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return ""
