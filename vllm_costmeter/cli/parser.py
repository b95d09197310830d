"""An argument parser whose faults are one line and name the nearest flag."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from vllm_costmeter.core.errors import BadInputError, nearest


class CommandParser(argparse.ArgumentParser):
    """Raises BadInputError where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        """`argument --x/-y: must be ...` -> `--x must be ...`."""
        message = re.sub(r"invalid choice: (.*) \(choose from (.*)\)", r"must be one of \2, got \1", message)
        message = message.replace("expected one argument", "needs a value")
        message = message.replace("expected at least one argument", "needs at least one value")
        match = re.fullmatch(r"argument ([^:/]+)[^:]*: (.*)", message, flags=re.DOTALL)
        raise BadInputError(f"{match[1]} {match[2]}" if match else message)

    def unknown(self, words: Sequence[str]) -> BadInputError:
        """The fault of words that no argument takes."""
        flag = next((word for word in words if word.startswith("-")), None)
        if flag is None:
            return BadInputError(f"{words[0]!r} was not expected; `{self.prog} --help` shows what is")
        name = flag.partition("=")[0]
        known = [option for option in self._option_string_actions if option.startswith("--")]
        return BadInputError(f"unknown flag {name}{nearest(name, known)}; `{self.prog} --help` lists all")


def folder(text: str) -> Path:
    """An argument that names a folder. An empty one is a variable that is not set, not this folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must name a folder, . for this one; the name is empty")
    return Path(text)
