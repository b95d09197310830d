"""Which statements of core/ run: before each of them, the code is made to note its line."""

from __future__ import annotations

import ast
import builtins
import functools
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

Lines = dict[str, list[int]]
"""File -> lines of the statements that ran."""
NOTED = "__mutations_ran__"


class Marked(importlib.abc.MetaPathFinder):
    """Imports the modules of these folders with the marks; everything else as ever."""

    def __init__(self, root: Path, folders: Sequence[Path]) -> None:
        self._files = {module_name(root, file): file for folder in folders for file in folder.rglob("*.py")}
        self._folders = tuple(f"{folder}/" for folder in folders)
        self._seen: set[tuple[str, int]] = set()
        self._caches: list[functools._lru_cache_wrapper[object]] | None = None
        setattr(builtins, NOTED, self._seen.add)
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> importlib.machinery.ModuleSpec | None:
        """Of these modules alone."""
        if name not in self._files:
            return None
        file = str(self._files[name])
        return importlib.util.spec_from_file_location(name, file, loader=_Loader(name, file))

    def import_all(self) -> None:
        """So that what runs at import runs before the tests."""
        for name in sorted(self._files):
            importlib.import_module(name)

    def take(self) -> Lines:
        """What ran since the last time."""
        lines: Lines = defaultdict(list)
        for file, line in sorted(self._seen):
            lines[file].append(line)
        self._seen.clear()
        return lines

    def forget(self) -> None:
        """What functions of these files remember (`functools.cache`): else one test runs them for all."""
        if self._caches is None:
            found = [each for each in gc.get_objects() if isinstance(each, functools._lru_cache_wrapper)]
            self._caches = [each for each in found if self._holds(each.__wrapped__)]
        for each in self._caches:
            each.cache_clear()

    def _holds(self, function: object) -> bool:
        if not isinstance(function, FunctionType):
            return False
        return function.__code__.co_filename.startswith(self._folders)


class _Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        """With the marks, and never from a compiled file."""
        tree = marked(Path(self.path).read_text("utf-8"), self.path)
        code: CodeType = compile(tree, self.path, "exec", dont_inherit=True)
        return code


def module_name(root: Path, file: Path) -> str:
    """As it is imported."""
    return ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def marked(source: str, file: str) -> ast.Module:
    """The code, noting (file, line) before each statement but docstrings and `from __future__`."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                setattr(node, name, [each for one in statements for each in _with_mark(one, file)])
    return ast.fix_missing_locations(tree)


def _with_mark(statement: ast.stmt, file: str) -> list[ast.stmt]:
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.ImportFrom(module="__future__"):
            return [statement]
    note = ast.parse(f"{NOTED}(({file!r}, {statement.lineno}))").body[0]
    for each in ast.walk(note):
        if isinstance(each, ast.expr | ast.stmt):
            each.lineno = each.end_lineno = statement.lineno
            each.col_offset = each.end_col_offset = statement.col_offset
    return [note, statement]
