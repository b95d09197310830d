"""Match words to flags and their values as argparse does (`_parse_known_args` of Python 3.12.10).

vLLM's parser has one optional positional argument, the model; everything else is an option. An abbreviation
is accepted if exactly one flag starts with it. An option consumes the following words that are not options.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.sources.vllm_cli.flag_table import Flag, ReleaseFlags
from vllm_costmeter.sources.vllm_cli.refusal import ServeArgsError, ambiguous, shown

_NEGATIVE_NUMBER = re.compile(r"-\d+|-\d*\.\d+")


@dataclass(frozen=True, slots=True)
class Given:
    """A flag on the command line, with the words it consumes."""

    flag: Flag
    name: str
    """The name used; abbreviations are expanded."""
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Option:
    """An option word: the flags it may abbreviate, and the text after its "="."""

    names: tuple[str, ...]
    equals: bool
    value: str | None


class Matcher:
    """Matches one command line option by option, so that the first error is the one reported."""

    def __init__(self, flags: ReleaseFlags, words: Sequence[str]) -> None:
        self._flags, self._words = flags, list(words)
        self._end = next((number for number, word in enumerate(words) if word == "--"), len(words))
        options = {number: self._option(word) for number, word in enumerate(self._words[: self._end])}
        self._options = {number: option for number, option in options.items() if option is not None}
        self._at = 0
        self._model_open = True
        self.model: str | None = None
        self.left: list[str] = []
        """Unrecognized words."""

    def given(self) -> Iterator[Given]:
        """The known flags in order; completes `model` and `left`. ServeArgsError at the first error."""
        for following in self._options:
            self._pass_values(following)
            yield from self._take_option(self._options[following])
        self._pass_values(len(self._words))

    def _pass_values(self, following: int) -> None:
        """Consume the words before the next option: the model and unrecognized words."""
        if self._at < following or following == len(self._words):
            self._take_model()
        self.left += self._words[self._at : following]
        self._at = max(self._at, following)

    def _take_model(self) -> None:
        """Consume the word here as the model if there is none yet, with a "--" before or after it."""
        if not self._model_open:
            return
        pattern = "".join(
            "O" if number in self._options else "-" if number == self._end else "A"
            for number in range(self._at, len(self._words))
        )
        match = re.match(r"-*A?-*", pattern)
        length = match.end() if match else 0
        if not length and pattern[:1] == "O":
            return
        self._model_open = False
        taken = self._words[self._at : self._at + length]
        if "-" in pattern[:length]:
            taken.remove("--")
        self.model = taken[0] if taken else None
        self._at += length

    def _take_option(self, option: _Option) -> list[Given]:
        word = self._words[self._at]
        if not option.names:
            self.left.append(word)
            self._at += 1
            return []
        if len(option.names) > 1:
            raise ambiguous(self._flags, word, option.names)
        name = option.names[0]
        flag = self._flags.by_name[name]
        if option.value is None:
            return [self._with_following(flag, name)]
        self._at += 1
        if flag.takes_value and flag.nargs in (None, "?", "+", 1):
            return [Given(flag, name, (option.value,))]
        if (
            not flag.takes_value
            and name[1] != "-"
            and option.value[:1] not in ("", "-")
            and not option.equals
        ):
            self.left.append(f"-{option.value}")
            return [Given(flag, name, ())]
        raise ServeArgsError(
            "takes no value",
            f"{name}: takes no value, got {shown(option.value, quoted=True)}",
            flag=flag.name,
        )

    def _with_following(self, flag: Flag, name: str) -> Given:
        start = self._at + 1
        least, most = _counts(flag)
        stop = start
        while stop < self._end and stop not in self._options and stop - start < most:
            stop += 1
        if stop - start < least:
            wanted = "a value" if most == 1 else f"{least} values" if least > 1 else "one or more values"
            raise ServeArgsError("expected", f"{name}: expects {wanted}", flag=flag.name)
        self._at = stop
        return Given(flag, name, tuple(self._words[start:stop]))

    def _option(self, word: str) -> _Option | None:
        """The word as an option; None if it is a value."""
        known = self._flags.by_name
        if not word.startswith("-") or len(word) == 1:
            return None
        if word in known:
            return _Option((word,), False, None)
        name, equals, value = word.partition("=")
        behind = value if equals else None
        if equals and name in known:
            return _Option((name,), True, value)
        short = word[:2]
        if short in known and not word.startswith("--"):
            others = tuple(one for one in known if one != short and one.startswith(name))
            return _Option((short, *others), False, word[2:])
        names = tuple(one for one in known if one.startswith(name))
        if names:
            return _Option(names, bool(equals), behind)
        if _NEGATIVE_NUMBER.fullmatch(word) or " " in word:
            return None
        return _Option((), bool(equals), behind)


def _counts(flag: Flag) -> tuple[int, int]:
    """The minimum and maximum number of words of a flag."""
    if not flag.takes_value:
        return 0, 0
    if isinstance(flag.nargs, int):
        return flag.nargs, flag.nargs
    return {"?": (0, 1), "+": (1, sys.maxsize)}.get(flag.nargs or "", (1, 1))
