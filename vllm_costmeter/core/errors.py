"""How an answer can fail: the input is wrong, the card cannot do it, or it is right but not understood."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BadInputError(ValueError):
    """The user gave something that cannot be meant. One clear line, exit code 2, no traceback."""


class CardCannotError(BadInputError):
    """What vLLM has no kernel for on this generation of cards: no length or flag changes it, another card does."""


class NotUnderstoodError(Exception):
    """A valid input whose memory rules we do not know. Verdict `unknown`, exit code 3: never a guess."""


def nearest(given: str, known: Iterable[str], count: int = 3, cutoff: float = 0.5) -> str:
    """`"; nearest: a, b"` for a misspelt name, or an empty string where nothing is near."""
    folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(given.casefold(), folded, n=count, cutoff=cutoff)
    return f"; nearest: {', '.join(folded[name] for name in found)}" if found else ""
