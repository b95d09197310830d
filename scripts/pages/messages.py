"""Every message that the package can print, by syntax: raised, logged, told to a callback, refusing, or noted."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

Assigned = dict[str, list[ast.expr]]

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


_NOTES = re.compile(r"_?notes?(_.*)?|.*_notes?", re.IGNORECASE)
"""Names of variables, arguments and functions that hold or give the notes below an answer."""

_MOST_WAYS = 4
"""Texts of one part of a message that are written out; beyond them it is a gap."""


class Message(NamedTuple):
    """`place` is the file within the package; `text` has a gap for each computed part."""

    place: str
    line: int
    text: str
    is_note: bool = False


def messages() -> list[Message]:
    """In the order of files and lines. Without those that consist of computed parts alone: another message in them."""
    found: dict[Message, None] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        tree = ast.parse(path.read_text())
        constants = _assigned(_outside_functions(tree))
        for scope in (
            *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)),
            _outside_functions(tree),
        ):
            assigned = constants | _assigned(scope)
            for node in ast.walk(scope):
                for value, is_note in _told(node, scope, makes_text=place in _MAKERS):
                    texts = (text for text in _ways(value, assigned) if _is_sentence(text))
                    found |= dict.fromkeys(Message(place, node.lineno, text, is_note) for text in texts)
    return sorted(found, key=lambda message: message[:2])


def _outside_functions(tree: ast.Module) -> ast.Module:
    return ast.Module([node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)], [])


def _told(node: ast.AST, scope: ast.AST, *, makes_text: bool) -> Iterator[tuple[ast.expr, bool]]:
    """What the node tells somebody, and whether as a note."""
    gives_notes = isinstance(scope, ast.FunctionDef) and _NOTES.fullmatch(scope.name) is not None
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            if _says(node, name):
                yield from ((each, False) for each in node.args)
            elif name == "append" and _is_named_so(getattr(node.func, "value", None)):
                yield from ((each, True) for each in node.args)
            yield from ((each.value, True) for each in node.keywords if each.arg == "notes")
        case ast.Assign(targets=[target], value=value) if _is_named_so(target):
            yield value, True
        case ast.AugAssign(target=target, value=value) if _is_named_so(target):
            yield value, True
        case ast.Return(value=ast.expr() as value) if makes_text or gives_notes:
            yield value, gives_notes
        case ast.Yield(value=ast.expr() as value) if gives_notes:
            yield value, True


def _is_named_so(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Name) and _NOTES.fullmatch(node.id) is not None


def _says(call: ast.Call, name: str) -> bool:
    if name in _LEVELS:
        return isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "log"
    return name in _TELLS or name == "Refusal" or (name.endswith("Error") and name not in _INTERNAL)


def _is_sentence(text: str) -> bool:
    """Not a keyword of the program (`driver_mismatch`, `config file`), nor computed parts alone."""
    words = len(re.findall(r"[A-Za-z]{2,}", text))
    return " " in text and (words > 2 or (words == 2 and GAP in text))


def _ways(node: ast.expr, assigned: Assigned) -> list[str]:
    """The texts that an expression can be, tidied; each of a tuple."""
    match node:
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return [text for part in parts for text in _ways(part, assigned)]
        case ast.Starred(value=value) | ast.GeneratorExp(elt=value) | ast.ListComp(elt=value):
            return _ways(value, assigned)
    return [_tidied(text) for text in _texts(node, assigned)]


def _tidied(text: str) -> str:
    text = re.sub(r"%[-.\w]*[sdgfr]", GAP, text)
    text = " ".join(text.split()).removeprefix("costmeter: ")
    return re.sub(rf"({GAP}\s*)+{GAP}", GAP, text)


def _assigned(scope: ast.AST) -> Assigned:
    """The expressions with text that the scope assigns to each local name."""
    found: dict[str, list[ast.expr]] = defaultdict(list)
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and isinstance(
            node.value, ast.JoinedStr | ast.Constant | ast.BinOp | ast.IfExp
        ):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id].append(node.value)
    return dict(found)


def _texts(node: ast.expr, assigned: Assigned) -> list[str]:
    """The texts of one expression, both of `a if x else b`; a name in it is written out where it has a few texts."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=body, orelse=orelse):
            return [*_texts(body, assigned), *_texts(orelse, assigned)]
        case ast.BoolOp(values=values):
            return [text for value in values for text in _texts(value, assigned)]
        case ast.JoinedStr(values=parts):
            return ["".join(way) for way in product(*(_texts(part, assigned) for part in parts))]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return ["".join(way) for way in product(_texts(left, assigned), _texts(right, assigned))]
        case ast.Name(id=name) if name in assigned:
            return [text for value in assigned[name] for text in _texts(value, {})]
        case ast.FormattedValue(value=ast.Name(id=name), conversion=-1) if name in assigned:
            ways = [text for value in assigned[name] for text in _texts(value, {})]
            return ways if len(ways) <= _MOST_WAYS and any(map(_is_sentence, ways)) else [GAP]
    return [GAP]
