"""A script of one command without any syntax but quotes, which needs no parser: the base install reads it too."""

from __future__ import annotations

import re

from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.manifests.quoting import split_words

_QUOTED = re.compile(r"'[^']*'|\"[^\"$`\\]*\"|\\.", re.DOTALL)
_SYNTAX = re.compile(r"[$`;&|<>()\n#{}*?]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def plain_words(script: str, first_line: int) -> list[Word] | None:
    """The words; None for a script with syntax."""
    if _SYNTAX.search(_QUOTED.sub("", script.strip())):
        return None
    found = split_words(script, first_line)
    return None if not found or all(_ASSIGNMENT.match(word.text) for word in found) else found
