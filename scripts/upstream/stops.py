"""Every statement in a Python file that aborts its caller, found by syntax alone, without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["raise", "assert", "exit"]

_EXITS = frozenset({"sys.exit", "os._exit", "exit", "quit"})
_LONGEST = 400
"""Longest condition or message, in characters; longer ones are truncated with an ellipsis."""


class Stop(NamedTuple):
    """One statement that aborts a start. `condition` joins the enclosing tests; an early return before it, in
    the same block, is not part of it."""

    module: str
    function: str
    kind: Kind
    exception: str
    message: str
    condition: str
    line: int


def stops_of(source: str, module: str) -> Iterator[Stop]:
    """Stops of one module in line order. A bare `raise`, a re-raised caught name and an abstract method's
    NotImplementedError are not stops. SyntaxError if the source is not Python."""
    yield from _Reader(module).block(ast.parse(source).body)


@dataclass(frozen=True, slots=True)
class _Reader:
    module: str
    names: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    """Text last assigned to the function's local names."""

    def block(self, statements: list[ast.stmt]) -> Iterator[Stop]:
        for statement in statements:
            yield from self._statement(statement)

    def _statement(self, node: ast.stmt) -> Iterator[Stop]:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if not _is_abstract(node):
                    inner = _Reader(self.module, (*self.names, node.name))
                    yield from inner.block(node.body)
            case ast.ClassDef():
                yield from _Reader(self.module, (*self.names, node.name)).block(node.body)
            case ast.If():
                test = _source(node.test)
                yield from self._under(test).block(node.body)
                yield from self._under(f"not ({test})").block(node.orelse)
            case ast.Match():
                for case in node.cases:
                    yield from self._under(f"{_source(node.subject)} is {_source(case.pattern)}").block(
                        case.body
                    )
            case ast.Try() | ast.TryStar():
                yield from self.block(node.body)
                for handler in node.handlers:
                    caught = _source(handler.type) if handler.type else "any exception"
                    yield from self._under(f"caught {caught}").block(handler.body)
                yield from self.block([*node.orelse, *node.finalbody])
            case ast.Raise(exc=raised) if raised is not None and not _passes_on(raised):
                name, message = self._raised(raised)
                yield self._stop("raise", name, message, node.lineno)
            case ast.Assert():
                message = self._text(node.msg) if node.msg else _source(node.test)
                broken = self._under(f"not ({_source(node.test)})")
                yield broken._stop("assert", "AssertionError", message, node.lineno)
            case ast.Expr(value=ast.Call(func=called)) if _source(called) in _EXITS:
                yield self._stop("exit", _source(called), _source(node.value), node.lineno)
            case _:
                self._remember(node)
                for name in ("body", "orelse"):
                    yield from self.block(getattr(node, name, []))

    def _under(self, test: str) -> _Reader:
        return _Reader(self.module, self.names, (*self.tests, test), self.texts)

    def _stop(self, kind: Kind, exception: str, message: str, line: int) -> Stop:
        function = ".".join(self.names) or "<module>"
        return Stop(
            self.module, function, kind, exception, _cut(message), _cut(" and ".join(self.tests)), line
        )

    def _raised(self, raised: ast.expr) -> tuple[str, str]:
        if not isinstance(raised, ast.Call):
            return _source(raised), ""
        arguments = [*raised.args, *(keyword.value for keyword in raised.keywords)]
        return _source(raised.func), " ".join(map(self._text, arguments))

    def _remember(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_text(value):
                self.texts[name] = self._text(value)
            case ast.AugAssign(target=ast.Name(id=name), value=value) if name in self.texts:
                self.texts[name] += self._text(value)

    def _text(self, node: ast.expr) -> str:
        """A message as a template, with computed parts in braces."""
        match node:
            case ast.Constant(value=str(text)):
                return " ".join(text.split(" "))
            case ast.JoinedStr(values=parts):
                return "".join(map(self._text, parts))
            case ast.FormattedValue(value=value):
                return "{" + _source(value) + "}"
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._text(left) + self._text(right)
            case ast.BinOp(left=left, op=ast.Mod()):
                return self._text(left)
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
                return text
            case ast.Name(id=name) if name in self.texts:
                return self.texts[name]
        return "{" + _source(node) + "}"


def _is_text(node: ast.expr) -> bool:
    match node:
        case ast.JoinedStr() | ast.Constant(value=str()):
            return True
        case ast.BinOp(left=left):
            return _is_text(left)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="format")):
            return True
    return False


def _passes_on(raised: ast.expr) -> bool:
    """`raise error`: a local name, as a class name starts with a capital."""
    return isinstance(raised, ast.Name) and not raised.id[0].isupper()


def _is_abstract(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    if any("abstractmethod" in _source(decorator) for decorator in node.decorator_list):
        return True
    body = [
        each
        for each in node.body
        if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
    ]
    match body:
        case [ast.Raise(exc=raised)] if raised is not None:
            return _source(raised).startswith("NotImplementedError")
    return False


def _source(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
