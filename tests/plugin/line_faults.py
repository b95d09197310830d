"""Raise an exception at one given line of a program, as if that line had failed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

Line = tuple[str, int]


class InjectedError(Exception):
    """A fault of ours that no code expects by name."""


class LineFaults:
    """Watches files whose path contains one of `parts`. With `at`, the first time that line is reached it fails."""

    def __init__(self, parts: tuple[str, ...], at: Line | None = None) -> None:
        self._parts = parts
        self._at = at
        self.reached: dict[Line, str] = {}
        """Every line that was executed, in order, with the name of its function."""
        self.fired = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        return self._line if watched(frame.f_code.co_filename, self._parts) else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        if event == "line":
            line = (frame.f_code.co_filename, frame.f_lineno)
            self.reached.setdefault(line, frame.f_code.co_qualname)
            if line == self._at and not self.fired and line[1] in lines_that_do_something(line[0]):
                self.fired = True
                raise InjectedError(f"{Path(line[0]).name}:{line[1]}")
        return self._line


@cache
def watched(file: str, parts: tuple[str, ...]) -> bool:
    """Whether a file's lines are of interest."""
    return any(part in file for part in parts)


@cache
def lines_that_do_something(file: str) -> frozenset[int]:
    """Lines on which something can fail: not a bare `try:`, `return found` or `self._found = found`, which only move
    names about."""
    fallible = (
        ast.Attribute,
        ast.BinOp,
        ast.Call,
        ast.Compare,
        ast.For,
        ast.FormattedValue,
        ast.Import,
        ast.ImportFrom,
        ast.Starred,
        ast.Subscript,
        ast.With,
    )
    nodes = ast.walk(ast.parse(Path(file).read_text()))
    return frozenset(
        node.lineno
        for node in nodes
        if isinstance(node, fallible) and not isinstance(getattr(node, "ctx", None), ast.Store)
    )
