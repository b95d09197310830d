"""The operators of `${NAME...}` that change a known text, by POSIX and bash's manual."""

from __future__ import annotations

import re

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b"}


def changed(operator: str, text: str, operand: str) -> str | None:
    """The text after `#`, `%`, `/`, `^`, `,` or `:`; None for an operator that is not read."""
    if operator in ("#", "##", "%", "%%"):
        return _stripped(operator, text, operand)
    if operator in ("/", "//", "/#", "/%"):
        pattern, _, replacement = operand.partition("/")
        return _replaced(operator, text, pattern, replacement)
    if operator in ("^", "^^", ",", ",,") and not operand:
        cased = text.upper() if operator[0] == "^" else text.lower()
        return cased if len(operator) > 1 else cased[:1] + text[1:]
    if operator == ":":
        return _part(text, operand)
    return None


def _stripped(operator: str, text: str, pattern: str) -> str:
    lengths = range(len(text) + 1)
    is_match = matcher(pattern)
    if operator[0] == "#":
        ordered = lengths if operator == "#" else reversed(lengths)
        return next((text[size:] for size in ordered if is_match(text[:size])), text)
    ordered = lengths if operator == "%" else reversed(lengths)
    return next((text[: len(text) - size] for size in ordered if is_match(text[len(text) - size :])), text)


def _replaced(operator: str, text: str, pattern: str, replacement: str) -> str | None:
    if re.search(r"[*?\[]", pattern):
        return None
    if not pattern:
        return text
    if operator == "/#":
        return replacement + text[len(pattern) :] if text.startswith(pattern) else text
    if operator == "/%":
        return text[: -len(pattern)] + replacement if text.endswith(pattern) else text
    return text.replace(pattern, replacement, -1 if operator == "//" else 1)


def _part(text: str, operand: str) -> str | None:
    match = re.fullmatch(r"\s*(-?\d{1,6})\s*(?::\s*(\d{1,6})\s*)?", operand)
    if match is None:
        return None
    start = int(match[1])
    start = max(len(text) + start, 0) if start < 0 else start
    return text[start:] if match[2] is None else text[start : start + int(match[2])]


def unescaped_ansi(text: str) -> str:
    """The text of `$'...'`."""
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text, flags=re.DOTALL)


class matcher:  # noqa: N801 - called like a function
    """Whether a text matches a shell pattern of `*`, `?` and `[...]`, in time linear in both.

    Not fnmatch: its regular expressions take exponential time on `*a*a*a*b`.
    """

    def __init__(self, pattern: str) -> None:
        self._parts = re.findall(r"\[!?\]?[^\]]*\]|\\.|.", pattern, re.DOTALL)

    def __call__(self, text: str) -> bool:
        parts, at, number, star, resume = self._parts, 0, 0, -1, 0
        while at < len(text):
            if number < len(parts) and parts[number] == "*":
                star, resume, number = number, at, number + 1
            elif number < len(parts) and _is_one(parts[number], text[at]):
                at, number = at + 1, number + 1
            elif star >= 0:
                resume, number = resume + 1, star + 1
                at = resume
            else:
                return False
        return all(part == "*" for part in parts[number:])


def _is_one(part: str, letter: str) -> bool:
    if part == "?":
        return True
    if part[0] == "[" and len(part) > 2:
        inner = part[2:-1] if part[1] == "!" else part[1:-1]
        found = letter in re.sub(r"(.)-(.)", lambda match: _span(match[1], match[2]), inner, flags=re.DOTALL)
        return found != (part[1] == "!")
    return part[-1] == letter


def _span(first: str, last: str) -> str:
    return "".join(map(chr, range(ord(first), min(ord(last), ord(first) + 256) + 1)))
