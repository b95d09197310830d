"""A fault in what runs at import: the tests begin in a process that has imported the libraries but none of ours."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from scripts.mutations.operators import mutated
from scripts.mutations.session import Examples, options

MOST_SECONDS = 400
"""Of processor time; a fault that takes longer hangs, which somebody would notice."""


class Replaced(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):  # type: ignore[misc]
    """Loads one module from changed code."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> importlib.machinery.ModuleSpec | None:
        """Of this module alone."""
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def __init__(self, name: str, path: Path, number: int) -> None:
        super().__init__(name, str(path))
        self._number = number

    def get_code(self, fullname: str) -> CodeType:
        """Compiled from the mutant."""
        source = Path(self.path).read_text("utf-8")
        code: CodeType = compile(mutated(source, self._number), self.path, "exec", dont_inherit=True)
        return code


def survives(module: str, path: Path, number: int | None, tests: Sequence[str]) -> bool:
    """Whether all these tests pass. None for `number`: the code as it is."""
    with tempfile.TemporaryDirectory() as folder:
        child = os.fork()
        if child:
            return os.waitpid(child, 0)[1] == 0
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS + 5))
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            if number is not None:
                sys.meta_path.insert(0, Replaced(module, path, number))
            code = int(pytest.main(["-x", *options(Path(folder) / "tests"), *tests], plugins=[Examples()]))
        finally:
            os._exit(code if 0 <= code < 128 else 1)
    return False
