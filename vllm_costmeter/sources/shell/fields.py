"""Word splitting: a word of the script becomes none, one or several fields."""

from __future__ import annotations

import re

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.sources.shell.values import Text

_BLANKS = re.compile(r"([ \t\n]+)")


@dataclass(frozen=True, slots=True)
class Field:
    """One field; `is_open` where an unquoted value that is not known may be none or several."""

    value: Text
    is_open: bool = False


class Fields:
    """Collects the parts of words. `splits` False: one field, as in assignments."""

    def __init__(self, *, splits: bool = True) -> None:
        self._splits = splits
        self._done: list[Field] = []
        self._parts: list[str] | None = None
        self._unknown: list[str] = []
        self._open = False

    def quoted(self, value: Text) -> None:
        """Text that is never split; an empty one makes a field too."""
        self._parts = [] if self._parts is None else self._parts
        self._parts.append(value.text)
        self._unknown += value.unknown

    def literal(self, text: str) -> None:
        if text:
            self.quoted(Text(text))

    def unquoted(self, value: Text) -> None:
        """The result of an unquoted expansion: blanks end a field."""
        if not self._splits:
            self.quoted(value)
        elif not value.is_known:
            self.quoted(value)
            self._open = True
        else:
            for piece in _BLANKS.split(value.text):
                if piece and piece.isspace():
                    self.end()
                else:
                    self.literal(piece)

    def end(self) -> None:
        """End the field; without splitting, the blank between two remains."""
        if self._parts is None:
            return
        if not self._splits:
            self._parts.append(" ")
            return
        self._done.append(Field(Text("".join(self._parts), tuple(dict.fromkeys(self._unknown))), self._open))
        self._parts, self._unknown, self._open = None, [], False

    def fields(self) -> list[Field]:
        self.end()
        return self._done

    def text(self) -> Text:
        """Everything as one text."""
        return Text("".join(self._parts or ()), tuple(dict.fromkeys(self._unknown)))
