"""Small faults in Python code: a comparison, a sign, a number, a branch."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from vllm_costmeter.core.dataclass import dataclass

Change = Callable[[], None]

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
COMPUTED: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.FloorDiv,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
}
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault in one file."""

    file: str
    number: int
    """Of the file's faults, in the order of the code."""
    line: int
    before: str
    after: str
    statement_line: int
    """Where the innermost statement begins that has the fault."""


def count(source: str) -> int:
    """How many faults the operators can put into the code."""
    return sum(1 for _ in _changes(ast.parse(source)))


def mutant(file: str, source: str, number: int) -> Mutant:
    """The fault with that number."""
    statement, node, change = list(_changes(ast.parse(source)))[number]
    shown = node.test if isinstance(node, ast.If | ast.While) else node
    before = ast.unparse(shown)
    change()
    shown = node.test if isinstance(node, ast.If | ast.While) else node
    after = ast.unparse(ast.fix_missing_locations(shown))
    return Mutant(file, number, node.lineno, before, after, statement.lineno)


def mutated(source: str, number: int) -> ast.Module:
    """The code with one fault in it."""
    tree = ast.parse(source)
    list(_changes(tree))[number][2]()
    return ast.fix_missing_locations(tree)


def _changes(tree: ast.Module) -> Iterator[tuple[ast.stmt, ast.expr | ast.stmt, Change]]:
    """(statement, the expression or statement in it, what changes it). Texts of errors, annotations and decorators are
    left alone."""
    for statement, node in _walked(tree, None):
        yield from ((statement, node, change) for change in _of(node))


def _walked(node: ast.AST, statement: ast.stmt | None) -> Iterator[tuple[ast.stmt, ast.expr | ast.stmt]]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params", "bases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.JoinedStr | ast.Raise | ast.Assert | ast.Import | ast.ImportFrom):
                continue
            inner = child if isinstance(child, ast.stmt) else statement
            if isinstance(child, ast.expr | ast.stmt) and inner is not None:
                yield inner, child
            if isinstance(child, ast.AST):
                yield from _walked(child, inner)


def _of(node: ast.expr | ast.stmt) -> Iterator[Change]:
    match node:
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                for other in COMPARED.get(type(operator), ()):
                    yield _set_item(node.ops, place, other())
        case ast.BinOp():
            for new in COMPUTED.get(type(node.op), ()):
                yield _set(node, "op", new())
        case ast.AugAssign():
            for new in COMPUTED.get(type(node.op), ()):
                yield _set(node, "op", new())
        case ast.BoolOp():
            yield _set(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.USub()):
            yield _set(node, "op", ast.UAdd())
        case ast.UnaryOp(op=ast.Not()):
            yield _set(node, "operand", ast.UnaryOp(ast.Not(), node.operand))
        case ast.Constant(value=bool()):
            yield _set(node, "value", not node.value)
        case ast.Constant(value=int() | float() as number):
            yield _set(node, "value", number + 1)
        case ast.If() | ast.IfExp() | ast.While():
            yield _set(node, "test", ast.UnaryOp(ast.Not(), node.test))
        case ast.Call(func=ast.Name(id=name)) if name in CALLED:
            yield _set(node.func, "id", CALLED[name])
        case ast.Call(func=ast.Attribute(attr=name)) if name in CALLED:
            yield _set(node.func, "attr", CALLED[name])


def _set(node: ast.AST, name: str, value: object) -> Change:
    return lambda: setattr(node, name, value)


def _set_item(values: list[ast.cmpop], place: int, value: ast.cmpop) -> Change:
    def change() -> None:
        values[place] = value

    return change
