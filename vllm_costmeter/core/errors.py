"""Errors of a check: wrong input, an unsuitable GPU, or valid input that is not understood."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST_LINE = 1000
"""Characters of an error: what is longer holds a piece of somebody's file, and is shortened in its middle."""


class BadInputError(ValueError):
    """Invalid input. Reported in one line with exit code 2, without a traceback."""

    def __str__(self) -> str:
        return _short(super().__str__())


class GpuCannotError(BadInputError):
    """vLLM has no kernel for this GPU generation: only another GPU helps, no flag and no context length."""


class NotUnderstoodError(Exception):
    """Valid input without known memory rules. Verdict `unknown`, exit code 3; never a guess."""

    def __str__(self) -> str:
        return _short(super().__str__())


def _short(text: str) -> str:
    if len(text) <= LONGEST_LINE:
        return text
    return f"{text[: LONGEST_LINE * 2 // 3]} ... {text[-LONGEST_LINE // 4 :]}"


OTHERWISE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What taking a parsed file apart raises where it is not as expected: a text for a list, infinity for a count."""


def one_line(text: str) -> str:
    """The text in one line that moves no cursor and colours nothing: what a server sent may hold control characters."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in " ".join(text.split()))


def unreadable(place: object, error: Exception) -> BadInputError:
    """The one wording for a file or folder that cannot be opened or read: what was named, and why."""
    name = str(place)[:200]
    if isinstance(error, FileNotFoundError):
        return BadInputError(f"{name}: does not exist")
    if isinstance(error, IsADirectoryError):
        return BadInputError(f"{name}: is a folder, not a file")
    return BadInputError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}")


def nearest(given: str, known: Iterable[str], count: int = 3, cutoff: float = 0.5) -> str:
    """`"; nearest: a, b"` for a misspelt name, or an empty string if no known name is similar."""
    import difflib

    folded = {name.casefold(): name for name in known if name}
    found = difflib.get_close_matches(given.casefold(), folded, n=count, cutoff=cutoff)
    return f"; nearest: {', '.join(folded[name] for name in found)}" if found else ""
