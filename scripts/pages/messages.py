"""Every message that the package can print, found by syntax alone: raised, logged, told to a callback, or refusing."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

Assigned = Mapping[str, Sequence[ast.expr]]

PACKAGE = Path(__file__).resolve().parents[2] / "vllm_costmeter"
GAP = "\N{HORIZONTAL ELLIPSIS}"
"""Stands for what is filled in."""

_LEVELS = frozenset({"info", "warning", "error", "exception"})
_TELLS = frozenset({"tell", "_tell", "warn", "_warn", "say", "_say"})
_INTERNAL = frozenset(
    {"AttributeError", "FrozenInstanceError", "NotImplementedError", "SystemExit", "KeyError", "TypeError"}
)
"""Faults of the program itself, or of Python's protocols: no reader meets their text."""

_MAKERS = frozenset({"sources/vllm_cli/refusal.py", "core/fit/messages.py"})
"""Files whose functions return messages."""


class Message(NamedTuple):
    """`place` is the file within the package; `text` has a gap for each computed part."""

    place: str
    line: int
    text: str


def messages() -> list[Message]:
    """In the order of files and lines. Without those that consist of computed parts alone: another message in them."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        found += [
            Message(place, line, text)
            for line, text in _texts(ast.parse(path.read_text()), makes_text=place in _MAKERS)
            if _is_sentence(text)
        ]
    return found


def _texts(tree: ast.Module, *, makes_text: bool) -> Iterator[tuple[int, str]]:
    assigned = _assigned(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments) if _says(
                node, name
            ):
                yield from ((node.lineno, text) for each in arguments for text in _ways(each, assigned))
            case ast.Return(value=ast.expr() as value) if makes_text:
                yield from ((node.lineno, text) for text in _ways(value, assigned))


def _says(call: ast.Call, name: str) -> bool:
    if name in _LEVELS:
        return isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "log"
    return name in _TELLS or name == "Refusal" or (name.endswith("Error") and name not in _INTERNAL)


def _is_sentence(text: str) -> bool:
    """Not a keyword of the program (`driver_mismatch`, `config file`), nor computed parts alone."""
    words = len(re.findall(r"[A-Za-z]{2,}", text))
    return " " in text and (words > 2 or (words == 2 and GAP in text))


def _ways(node: ast.expr, assigned: Assigned) -> list[str]:
    """The texts that an expression can be, tidied; both of `a if x else b`."""
    if isinstance(node, ast.IfExp):
        return [*_ways(node.body, assigned), *_ways(node.orelse, assigned)]
    if isinstance(node, ast.BoolOp):
        return [text for value in node.values for text in _ways(value, assigned)]
    if isinstance(node, ast.Name):
        return [text for value in assigned.get(node.id, ()) for text in _ways(value, {})]
    text = re.sub(r"%[-.\w]*[sdgfr]", GAP, _text(node))
    text = " ".join(text.split()).removeprefix("costmeter: ")
    return [re.sub(rf"({GAP}\s*)+{GAP}", GAP, text)]


def _assigned(tree: ast.Module) -> Assigned:
    """The expressions with text that the file assigns to each local name."""
    found: dict[str, list[ast.expr]] = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(
            node.value, ast.JoinedStr | ast.Constant | ast.BinOp | ast.IfExp
        ):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id].append(node.value)
    return found


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(_text, parts))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
    return GAP
