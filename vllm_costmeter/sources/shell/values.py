"""Variables of a script: known texts, arrays, and values that only the running machine knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from vllm_costmeter.core.dataclass import dataclass

LONGEST = 1 << 17  # Linux's MAX_ARG_STRLEN: no argument or variable of a process is longer


@dataclass(frozen=True, slots=True)
class Text:
    """A value. What is not known of it stands in it as the placeholder that names it: "$TP", "$(nproc)"."""

    text: str
    unknown: tuple[str, ...] = ()
    """The placeholders in it."""

    @property
    def is_known(self) -> bool:
        return not self.unknown


class GivenText(str):
    """A value given by hand (`--set`), which stands over any that a file or a script gives."""

    __slots__ = ()


Value = Text | tuple[Text, ...]
"""A scalar or an array."""


def unknown(placeholder: str) -> Text:
    """A value of which only the name is known."""
    return Text(placeholder, (placeholder,))


class Variables:
    """The variables, functions' arguments and exported names of one shell."""

    def __init__(
        self,
        given: Mapping[str, str | None] | Mapping[str, Text],
        arguments: Iterable[Text] | None = (),
    ) -> None:
        """`given`: the environment; None stands for a value that is not known. `arguments`: `$1` and on."""
        self._values: dict[str, Value] = {name: _given(name, value) for name, value in given.items()}
        self._exported = set(self._values)
        self.arguments: tuple[Text, ...] = tuple(arguments or ())
        self._fixed: frozenset[str] = frozenset()

    def fix(self, given: Mapping[str, Text]) -> None:
        """Values that stand over any other: no assignment changes them."""
        self._values |= given
        self._fixed = frozenset(given)

    def get(self, name: str) -> Value | None:
        """The value; None for a variable that nothing sets."""
        return self._values.get(name)

    def set(self, name: str, value: Value) -> None:
        if name not in self._fixed:
            self._values[name] = value

    def unset(self, name: str) -> None:
        if name not in self._fixed:
            self._values.pop(name, None)
            self._exported.discard(name)

    def export(self, name: str) -> None:
        self._exported.add(name)

    def environment(self) -> dict[str, Text]:
        """What a started process gets."""
        found = {name: value for name, value in self._values.items() if name in self._exported}
        return {name: value for name, value in found.items() if isinstance(value, Text)}

    def copy(self) -> Variables:
        made = Variables({}, self.arguments)
        made._values, made._exported, made._fixed = dict(self._values), set(self._exported), self._fixed
        return made

    def equals(self, other: Variables) -> bool:
        return self._values == other._values and self.arguments == other.arguments

    def become(self, other: Variables) -> None:
        """Take another's values."""
        self._values, self._exported = dict(other._values), set(other._exported)
        self.arguments = other.arguments

    def differing(self, other: Variables) -> Iterator[tuple[str, Value | None, Value | None]]:
        """(name, this value, the other's) of each variable that the two hold differently."""
        for name in {**self._values, **other._values}:
            value, theirs = self.get(name), other.get(name)
            if value != theirs:
                yield name, value, theirs

    def become_either(self, one: Variables, two: Variables) -> None:
        """What is true of both; a variable whose value differs is not known."""
        values: dict[str, Value] = {}
        for name in {**one._values, **two._values}:
            value, other = one.get(name), two.get(name)
            values[name] = value if value is not None and value == other else unknown(f"${name}")
        self._values, self._exported = values, one._exported | two._exported
        self.arguments = one.arguments if one.arguments == two.arguments else (unknown("$@"),)


def _given(name: str, value: str | Text | None) -> Text:
    if isinstance(value, Text):
        return value
    return unknown(f"${name}") if value is None else Text(value)
