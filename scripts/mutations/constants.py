"""Puts a fault into constants that modules have imported already, and finds the statements that use them."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from scripts.mutations.operators import mutated

PLAIN = (bool, int, float, str, bytes, type(None))


class Users:
    """Which statements name what, in the files of these folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._places: dict[str, set[tuple[str, int]]] = defaultdict(set)
        for folder in folders:
            for file in folder.rglob("*.py"):
                for name, line in _named(ast.parse(file.read_text("utf-8")), 0):
                    self._places[name].add((str(file), line))

    def of(self, name: str) -> set[tuple[str, int]]:
        """(file, line of the statement)."""
        return self._places.get(name, set())


def _named(node: ast.AST, line: int) -> Iterator[tuple[str, int]]:
    for child in ast.iter_child_nodes(node):
        inner = child.lineno if isinstance(child, ast.stmt) else line
        match child:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name, inner
        yield from _named(child, inner)


def assigned_at(path: Path, line: int) -> list[str]:
    """Names of the module's constants that the statement at this line gives values."""
    return [
        node.id
        for statement in ast.parse(path.read_text("utf-8")).body
        if statement.lineno == line and isinstance(statement, ast.Assign | ast.AnnAssign)
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def rebind(module: str, path: Path, number: int) -> list[str]:
    """Names of the constants that have another value now, wherever they were imported by that name. Only plain values
    and what consists of them: an instance of a class would be one of another class."""
    loaded = sys.modules[module]
    changed = ModuleType(module)
    changed.__file__, changed.__package__ = str(path), loaded.__package__
    exec(
        compile(mutated(path.read_text("utf-8"), number), str(path), "exec", dont_inherit=True), vars(changed)
    )
    names = []
    for name, new in vars(changed).items():
        old = vars(loaded).get(name)
        if name.startswith("__") or not (_is_plain(old) and _is_plain(new)) or repr(old) == repr(new):
            continue
        names.append(name)
        for each in list(sys.modules.values()):
            if isinstance(each, ModuleType) and vars(each).get(name) is old:
                setattr(each, name, new)
    return names


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(each) for pair in value.items() for each in pair)
    if type(value) in (tuple, list):
        return all(map(_is_plain, value))
    return isinstance(value, PLAIN)
