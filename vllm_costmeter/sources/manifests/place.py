"""Positions in a file, and errors that name them."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError


class LocatedError(BadInputError):
    """An error in one line of a file: its message begins with `file:line: `."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message


class NoServerError(BadInputError):
    """The file is valid but starts no vLLM server."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def fault(self, message: str) -> LocatedError:
        return LocatedError(self, message)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command line, and its line in the file."""

    text: str
    line: int
    unknown: tuple[str, ...] = ()
    """The placeholders in the text, for values that are not known: "$TP"."""
    is_open: bool = False
    """Whether a value that is not known may make it none or several words."""
