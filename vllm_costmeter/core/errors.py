"""Errors of a check: wrong input, an unsuitable GPU, or valid input that is not understood."""

from __future__ import annotations

from collections import Counter
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
    wanted = given.casefold()
    folded = {name.casefold(): name for name in known}
    near = [name for name in folded if 2 * min(len(name), len(wanted)) >= cutoff * (len(name) + len(wanted))]
    found = closest(wanted, near, count, cutoff) if near else []
    return f"; nearest: {', '.join(folded[name] for name in found)}" if found else ""


def closest(wanted: str, names: Iterable[str], count: int, cutoff: float) -> list[str]:
    """What `difflib.get_close_matches` returns, in a fifth of its time: it compares every name, this only those that
    share enough characters for a place among the closest."""
    from difflib import SequenceMatcher

    characters = Counter(wanted)
    bounds: list[tuple[float, str]] = []
    for name in names:
        shared = sum(min(name.count(each), times) for each, times in characters.items())
        bounds.append((2 * shared / (len(name) + len(wanted) or 1), name))
    matcher, found = SequenceMatcher(b=wanted), list[tuple[float, str]]()
    for bound, name in sorted(bounds, reverse=True):
        if bound < (found[-1][0] if len(found) == count else cutoff):
            break
        matcher.set_seq1(name)
        if (ratio := matcher.ratio()) >= cutoff:
            found = sorted((*found, (ratio, name)), reverse=True)[:count]
    return [name for _, name in found]
