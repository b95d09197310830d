"""`$((...))`: whole numbers, variables and operators, in bash's 64 bits."""

from __future__ import annotations

import operator
from collections.abc import Callable

from vllm_costmeter.sources.shell.syntax import Syntax
from vllm_costmeter.sources.shell.values import Text, Variables


class NotKnownError(Exception):
    """A number that only the running machine knows."""


def _quotient(one: int, two: int) -> int:
    """Bash rounds toward zero."""
    if two == 0:
        raise NotKnownError
    return abs(one) // abs(two) * (1 if (one < 0) == (two < 0) else -1)


def _power(one: int, two: int) -> int:
    if not 0 <= two <= 64:
        raise NotKnownError
    return int(one**two)


def _shifted(one: int, two: int) -> int:
    return one << (two % 64)


_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _quotient,
    "%": lambda one, two: one - two * _quotient(one, two),
    "**": _power,
    "<<": _shifted,
    ">>": lambda one, two: one >> (two % 64),
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "&&": lambda one, two: int(bool(one and two)),
    "||": lambda one, two: int(bool(one or two)),
}
_UNARY: dict[str, Callable[[int], int]] = {
    "-": operator.neg,
    "+": operator.pos,
    "!": lambda one: int(not one),
    "~": operator.invert,
}


class Arithmetic:
    """Evaluates an expression; assignments in it change the variables."""

    def __init__(self, variables: Variables, text_of: Callable[[Syntax], Text]) -> None:
        self._variables = variables
        self._text_of = text_of

    def value(self, node: Syntax) -> int:
        """Raises NotKnownError for what is not known or not a number."""
        parts = [each for each in node.children if each.kind != "comment"]
        if node.kind in ("binary_expression", "variable_assignment") and len(parts) == 3:
            return self._binary(parts[0], parts[1].text, parts[2])
        if node.kind in ("unary_expression", "postfix_expression") and len(parts) == 2:
            return self._unary(parts)
        if node.kind == "ternary_expression" and len(parts) == 5:
            return self.value(parts[2] if self.value(parts[0]) else parts[4])
        if node.kind in ("parenthesized_expression", "arithmetic_expansion", "compound_statement"):
            inner = [each for each in parts if each.kind not in ("(", ")", "$((", "((", "))", "$[", "]", ",")]
            if not inner:
                raise NotKnownError
            return [self.value(each) for each in inner][-1]
        if node.kind in ("variable_name", "word") and node.text.isidentifier():
            return self._number(self._variables.get(node.text))
        return self._number(self._text_of(node))

    def _number(self, value: Text | tuple[Text, ...] | None) -> int:
        if not isinstance(value, Text) or not value.is_known:
            raise NotKnownError
        text = value.text.strip()
        is_octal = len(text) > 1 and text.lstrip("-").isdecimal() and text.lstrip("-")[0] == "0"
        try:
            return int(text, 8 if is_octal else 0) if len(text) < 20 else _raise()
        except ValueError:
            raise NotKnownError from None

    def _binary(self, left: Syntax, sign: str, right: Syntax) -> int:
        if sign == "=":
            return self._set(left, self.value(right))
        if sign not in _OPERATORS and sign[:-1] in _OPERATORS and sign.endswith("="):
            return self._set(left, _wrapped(_OPERATORS[sign[:-1]](self.value(left), self.value(right))))
        if sign not in _OPERATORS:
            raise NotKnownError
        return _wrapped(_OPERATORS[sign](self.value(left), self.value(right)))

    def _unary(self, parts: list[Syntax]) -> int:
        signs = [each.text for each in parts]
        if "++" in signs or "--" in signs:
            name = parts[1] if signs[0] in ("++", "--") else parts[0]
            before = self.value(name)
            after = self._set(name, before + (1 if "++" in signs else -1))
            return after if name is parts[1] else before
        if signs[0] not in _UNARY:
            raise NotKnownError
        return _wrapped(_UNARY[signs[0]](self.value(parts[1])))

    def _set(self, name: Syntax, value: int) -> int:
        self._variables.set(name.text, Text(str(value)))
        return value


def _raise() -> int:
    raise NotKnownError


def _wrapped(value: int) -> int:
    return (int(value) + (1 << 63)) % (1 << 64) - (1 << 63)
