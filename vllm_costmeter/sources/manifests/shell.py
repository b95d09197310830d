"""A shell script as simple commands of words: quotes, continuations, comments, operators and variables.

Nothing is run: `$(command)` remains text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vllm_costmeter.sources.manifests.place import Word

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?:(:?[-?+])([^{}]*))?\}|([A-Za-z_]\w*))")
_OPERATORS = ";&|()<>"


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$NAME`, `${NAME}` and `${NAME:-default}` replaced by their values; unchanged without a value."""
    return _VARIABLE.sub(lambda match: _value(match, variables), text)


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name, operator, default = match[1] or match[4], match[2], match[3]
    if variables.get(name) or (name in variables and not (operator or "").startswith(":")):
        return variables[name]
    return default if operator in (":-", "-") else match[0]


def commands(script: str, variables: Mapping[str, str], first_line: int = 1) -> list[list[Word]]:
    """The simple commands of a script, in order; a redirection ends one like an operator."""
    return _Reader(script, variables, first_line).read()


class _Reader:
    def __init__(self, script: str, variables: Mapping[str, str], first_line: int) -> None:
        self._script = script
        self._variables = variables
        self._at = 0
        self._line = first_line
        self._found: list[list[Word]] = [[]]
        self._word: list[str] | None = None
        self._word_line = first_line

    def read(self) -> list[list[Word]]:
        while self._at < len(self._script):
            self._step(self._script[self._at])
        self._end_word()
        return [command for command in self._found if command]

    def _step(self, letter: str) -> None:
        if letter == "\\":
            escaped = self._script[self._at + 1 : self._at + 2]
            self._take(2, "" if escaped == "\n" else escaped, begins=escaped != "\n")
        elif letter == "'":
            end = self._closing("'")
            self._take(end + 1 - self._at, self._script[self._at + 1 : end])
        elif letter == '"':
            end = self._closing('"')
            inner = re.sub(r"\\\n", "", self._script[self._at + 1 : end])
            self._take(end + 1 - self._at, re.sub(r'\\(["\\$`])', r"\1", expand(inner, self._variables)))
        elif letter == "\n":
            self._end_word()
            self._found.append([])
            self._skip(1)
        elif letter.isspace():
            self._end_word()
            self._skip(1)
        elif letter == "#" and self._word is None:
            end = self._script.find("\n", self._at)
            self._skip((end if end >= 0 else len(self._script)) - self._at)
        elif self._script.startswith("$(", self._at):
            end = self._script.find(")", self._at)
            end = end if end >= 0 else len(self._script) - 1
            self._take(end + 1 - self._at, self._script[self._at : end + 1])
        elif letter == "$" and (match := _VARIABLE.match(self._script, self._at)):
            self._take(len(match[0]), _value(match, self._variables))
        elif letter in _OPERATORS:
            if letter in "<>" and self._word is not None and "".join(self._word).isdecimal():
                self._word = None  # the number of a stream: `2>&1`
            self._end_word()
            self._found.append([])
            self._skip(1)
        else:
            self._take(1, letter)

    def _closing(self, quote: str) -> int:
        at = self._at + 1
        while at < len(self._script) and self._script[at] != quote:
            at += 2 if quote == '"' and self._script[at] == "\\" else 1
        return min(at, len(self._script))

    def _take(self, length: int, text: str, begins: bool = True) -> None:
        if self._word is None and begins:
            self._word, self._word_line = [], self._line
        if self._word is not None:
            self._word.append(text)
        self._skip(length)

    def _skip(self, length: int) -> None:
        self._line += self._script.count("\n", self._at, self._at + length)
        self._at += length

    def _end_word(self) -> None:
        if self._word is not None:
            self._found[-1].append(Word("".join(self._word), self._word_line))
            self._word = None
