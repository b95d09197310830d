"""`[ ... ]`, `[[ ... ]]` and `test`: true, false, or None where only the running machine knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from vllm_costmeter.sources.shell.arithmetic import NotKnownError
from vllm_costmeter.sources.shell.expansion import Expander
from vllm_costmeter.sources.shell.parameters import matcher
from vllm_costmeter.sources.shell.syntax import Syntax
from vllm_costmeter.sources.shell.values import Text, Variables

_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda one, two: one == two,
    "-ne": lambda one, two: one != two,
    "-lt": lambda one, two: one < two,
    "-le": lambda one, two: one <= two,
    "-gt": lambda one, two: one > two,
    "-ge": lambda one, two: one >= two,
}
_JUST_NAME = re.compile(r"\$\{?(\w+)\}?")


class Conditions:
    """Decides tests with the variables of one shell."""

    def __init__(self, variables: Variables, expander: Expander) -> None:
        self._variables = variables
        self._expander = expander

    def of_brackets(self, node: Syntax) -> bool | None:
        """`[ ... ]` or `[[ ... ]]`."""
        inner = [each for each in node.children if each.kind not in ("[", "]", "[[", "]]", "((", "))")]
        return self._of(inner[0]) if len(inner) == 1 else None

    def of_words(self, words: Sequence[Text]) -> bool | None:
        """The words after `test`."""
        if words and words[0].text == "!":
            return _opposite(self.of_words(words[1:]))
        if len(words) == 1:
            return self._is_not_empty(words[0])
        if len(words) == 2:
            return self._one(words[0].text, words[1])
        if len(words) == 3:
            return self._two(words[0], words[1].text, words[2], is_pattern=False)
        return None

    def _of(self, node: Syntax) -> bool | None:
        parts = node.children
        if node.kind == "binary_expression" and len(parts) == 3:
            return self._binary(parts[0], parts[1].text, parts[2])
        if node.kind == "unary_expression" and len(parts) == 2:
            if parts[0].text == "!":
                return _opposite(self._of(parts[1]))
            return self._one(parts[0].text, self._expander.text(parts[1]))
        if node.kind == "parenthesized_expression" and len(parts) == 3:
            return self._of(parts[1])
        if node.kind == "negation_expression":
            return _opposite(self._of(parts[-1]))
        return self._is_not_empty(self._expander.text(node))

    def _binary(self, left: Syntax, sign: str, right: Syntax) -> bool | None:
        if sign in ("&&", "-a", "||", "-o"):
            one, two = self._of(left), self._of(right)
            decides = sign in ("||", "-o")
            if decides in (one, two):
                return decides
            return None if None in (one, two) else not decides
        if left.kind == "unary_expression" and left.children[0].text == "!":
            return _opposite(self._binary(left.children[1], sign, right))  # how the grammar groups `! a == b`
        is_pattern = right.kind not in ("string", "raw_string")
        return self._two(self._expander.text(left), sign, self._expander.text(right), is_pattern=is_pattern)

    def _two(self, left: Text, sign: str, right: Text, *, is_pattern: bool) -> bool | None:
        if not (left.is_known and right.is_known):
            return None
        if sign in ("=", "==", "!="):
            is_equal = matcher(right.text)(left.text) if is_pattern else left.text == right.text
            return is_equal == (sign != "!=")
        if sign in _NUMBERS:
            try:
                return _NUMBERS[sign](int(left.text[:20]), int(right.text[:20]))
            except ValueError:
                return None
        return None

    def _one(self, sign: str, value: Text) -> bool | None:
        if sign == "-n":
            return self._is_not_empty(value)
        if sign == "-z":
            return _opposite(self._is_not_empty(value))
        if sign == "-v" and value.is_known:
            return self._variables.get(value.text) is not None
        return None

    def _is_not_empty(self, value: Text) -> bool | None:
        """A variable that nothing sets is empty, as for `${NAME:-default}`; a set one that is not known is not."""
        if value.is_known:
            return bool(value.text)
        name = _JUST_NAME.fullmatch(value.text)
        return None if name is None else self._variables.get(name[1]) is not None


def arithmetic_truth(expander: Expander, node: Syntax) -> bool | None:
    """`(( ... ))`."""
    try:
        return bool(expander.arithmetic.value(node))
    except NotKnownError:
        return None


def _opposite(truth: bool | None) -> bool | None:
    return None if truth is None else not truth
