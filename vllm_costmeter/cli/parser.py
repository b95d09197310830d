"""An argument parser that reports errors in one line, with the nearest known flags."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
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


class CommandParser(argparse.ArgumentParser):
    """Raises BadInputError where argparse would print its usage and exit.

    Rarely used flags are declared only when one of them is given: `vllm serve` has hundreds.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._later: list[tuple[str, Callable[[argparse.ArgumentParser], None]]] = []

    def add_later(self, prefix: str, declare: Callable[[argparse.ArgumentParser], None]) -> None:
        """`declare` adds flags to this parser; it is called when an unknown flag starts with `prefix`."""
        self._later.append((prefix, declare))

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        """As argparse's, but without a help formatter, which queries the terminal, for every argument."""
        group = self._optionals if names and names[0].startswith("-") else self._positionals
        return group.add_argument(*names, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, after declaring the flags in `args`."""
        for word in args or ():
            self._declare(word.partition("=")[0])
        return super().parse_known_args(args, namespace)

    def _declare(self, name: str) -> None:
        if not name.startswith("-") or not name.strip("-")[:1].isalpha():
            return
        for prefix, declare in [each for each in self._later if name.startswith(each[0])]:
            if name not in self._option_string_actions:
                self._later.remove((prefix, declare))
                declare(self)

    def error(self, message: str) -> NoReturn:
        """`argument --x/-y: must be ...` -> `--x must be ...`."""
        message = re.sub(r"invalid choice: (.*) \(choose from (.*)\)", r"must be one of \2, got \1", message)
        missing = re.fullmatch(r"the following arguments are required: (.*)", message)
        if missing:
            raise BadInputError(f"{missing[1]} is missing; `{self.prog} --help` has examples")
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
        for _, declare in self._later:
            declare(self)
        known = [option for option in self._option_string_actions if option.startswith("--")]
        meant = _MEANT.get(name.strip("-").replace("_", "-").lower())
        if meant in known:
            return BadInputError(f"unknown flag {name}: it is called {meant} here and in vLLM")
        return BadInputError(f"unknown flag {name}{nearest(name, known)}; `{self.prog} --help` lists all")


def folder(text: str) -> Path:
    """A folder name. ArgumentTypeError for an empty one, which is an unset variable, not this folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must name a folder, . for this one; the name is empty")
    return Path(text)
