"""An argument parser that reports errors in one line, with the nearest known flags."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from vllm_costmeter.core.errors import BadInputError, nearest

_MEANT = {
    **dict.fromkeys(
        ("ctx", "ctx-size", "n-ctx", "context", "context-length", "context-size", "max-length", "num-ctx"),
        "--max-model-len",
    ),
    **dict.fromkeys(("tp", "tp-size", "tensor-parallel"), "--tensor-parallel-size"),
    **dict.fromkeys(("pp", "pp-size", "pipeline-parallel"), "--pipeline-parallel-size"),
    **dict.fromkeys(("batch-size", "max-batch-size", "parallel"), "--max-num-seqs"),
    **dict.fromkeys(("mem-fraction-static", "gpu-util"), "--gpu-memory-utilization"),
}
"""What the flags of llama.cpp, SGLang, TensorRT-LLM and ollama are called in vLLM."""


_BELOW_ZERO = re.compile(r"-\.?\d.*")
"""Values such as -1/s and -5ms, which argparse would take for flags: no flag begins with a digit."""


class CommandParser(argparse.ArgumentParser):
    """Raises BadInputError where argparse would print its usage and exit.

    With `pass_on`, the words of another program may stand among this command's own.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._negative_number_matcher = _BELOW_ZERO
        self._passed_on: str | None = None
        self._own: dict[str, argparse.Action] = {}

    def pass_on(self, dest: str) -> None:
        """Leave to `dest`, in their order, all words but the flags declared so far and their values."""
        self._passed_on, self._own = dest, dict(self._option_string_actions)

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        """As argparse's, but without a help formatter, which queries the terminal, for every argument."""
        group = self._optionals if names and names[0].startswith("-") else self._positionals
        return group.add_argument(*names, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, for the words that are not passed on."""
        if self._passed_on is None:
            return super().parse_known_args(args, namespace)
        own, others = self.split(args)
        values, extra = super().parse_known_args(own, namespace)
        setattr(values, self._passed_on, others)
        return values, extra

    @property
    def own_names(self) -> tuple[str, ...]:
        """This command's own flags, where words are passed on."""
        return tuple(self._own)

    def split(self, words: Sequence[str]) -> tuple[list[str], list[str]]:
        """The command's own flags with their values, and the other words; all behind `--` are others."""
        end = words.index("--") if "--" in words else len(words)
        own: list[str] = []
        first: list[str] = []
        others: list[str] = []
        target = others
        at = 0
        while at < end:
            name, equals, _ = words[at].partition("=")
            action = self._own.get(name.replace("_", "-"))
            stop = at + 1
            if action is not None:
                most = 0 if equals or action.nargs == 0 else 1 if action.nargs is None else end
                while stop < end and stop - at <= most and not _is_flag(words[stop]):
                    stop += 1
                own += [name.replace("_", "-") + words[at][len(name) :], *words[at + 1 : stop]]
                target = first  # a word behind a complete flag belongs to no flag before it
            else:
                target = others if _is_flag(words[at]) else target
                target.append(words[at])
            at = stop
        return own, [*first, *others, *words[end:]]

    def error(self, message: str) -> NoReturn:
        """`argument --x/-y: must be ...` -> `--x must be ...`."""
        message = re.sub(r"invalid choice: (.*) \(choose from (.*)\)", r"must be one of \2, got \1", message)
        missing = re.fullmatch(r"the following arguments are required: (.*)", message)
        if missing:
            are = "are" if "," in missing[1] else "is"
            raise BadInputError(f"{missing[1]} {are} missing; `{self.prog} --help` has examples")
        message = message.replace("expected one argument", "needs a value")
        message = message.replace("expected at least one argument", "needs at least one value")
        match = re.fullmatch(r"argument ([^:/]+)[^:]*: (.*)", message, flags=re.DOTALL)
        raise BadInputError(f"{match[1]} {match[2]}" if match else message)

    def unknown(self, words: Sequence[str]) -> BadInputError:
        """The error for words that match no argument."""
        flag = next((word for word in words if word.startswith("-")), None)
        if flag is None:
            return BadInputError(f"unexpected argument {words[0]!r}; `{self.prog} --help` lists all")
        name = flag.partition("=")[0]
        known = [option for option in self._option_string_actions if option.startswith("--")]
        meant = _MEANT.get(name.strip("-").replace("_", "-").lower())
        if meant in known:
            return BadInputError(f"unknown flag {name}: it is called {meant} here and in vLLM")
        return BadInputError(f"unknown flag {name}{nearest(name, known)}; `{self.prog} --help` lists all")


def _is_flag(word: str) -> bool:
    return re.match(r"--?[A-Za-z]", word) is not None or word == "--"


def folder(text: str) -> Path:
    """A folder name. ArgumentTypeError for an empty one, which is an unset variable, not this folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must name a folder, . for this one; the name is empty")
    return Path(text)
