"""Words of the syntax tree -> fields: quotes, variables, arithmetic, substitutions, splitting."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from vllm_costmeter.sources.shell.arithmetic import Arithmetic, NotKnownError
from vllm_costmeter.sources.shell.fields import Field, Fields
from vllm_costmeter.sources.shell.parameters import changed, unescaped_ansi
from vllm_costmeter.sources.shell.syntax import ShellError, Syntax
from vllm_costmeter.sources.shell.values import LONGEST, Text, Value, Variables, unknown

_EXPANSIONS = ("simple_expansion", "expansion", "command_substitution", "arithmetic_expansion")
_SPECIAL = (
    *_EXPANSIONS,
    "string",
    "raw_string",
    "ansi_c_string",
    "translated_string",
    "process_substitution",
    "brace_expression",
)
MOST_FIELDS = 10_000
_EVERY_ONE = re.compile(r'"\$(@|\{@\}|\{\w+\[@\]\})"')
"""Makes no field where there is none."""
_NAMES = ("variable_name", "special_variable_name", "subscript", "word", "number")

Substitute = Callable[[Syntax], Text | None]


class Expander:
    """Expands words with the variables of one shell; `substitute` evaluates `$(...)` or returns None."""

    def __init__(self, variables: Variables, substitute: Substitute) -> None:
        self._variables = variables
        self._substitute = substitute
        self.unset: list[str] = []
        """Variables without a value that were asked for, `1` and on among them."""
        self.arithmetic = Arithmetic(variables, self.text)

    def fields(self, node: Syntax) -> list[Field]:
        """The fields of a word, split."""
        found = Fields()
        self._put(node, found, quoted=False)
        return found.fields()

    def text(self, node: Syntax | None) -> Text:
        """A word as one text, as in an assignment."""
        found = Fields(splits=False)
        if node is not None:
            self._put(node, found, quoted=False)
        text = found.text()
        if len(text.text) > LONGEST:
            raise ShellError(node.line if node else 1, f"a value grows above {LONGEST >> 10} KiB")
        return text

    def here_document(self, body: Syntax, start: int, *, is_literal: bool) -> Text:
        """The lines from byte `start`; `is_literal` where the delimiter is quoted."""
        if is_literal:
            return Text(body.between(start, body.end))
        found = Fields(splits=False)
        self._range(body, start, body.end, found, quoted=True, only=_EXPANSIONS)
        return found.text()

    def _put(self, node: Syntax, into: Fields, *, quoted: bool) -> None:
        if node.kind == "raw_string":
            into.quoted(Text(node.text[1:-1]))
        elif node.kind == "ansi_c_string":
            into.quoted(Text(unescaped_ansi(node.text[2:-1])))
        elif node.kind in ("string", "translated_string"):
            start = node.start + len(node.text) - len(node.text.lstrip("$")) + 1
            if not _EVERY_ONE.fullmatch(node.text):
                into.quoted(Text(""))
            self._range(node, start, node.end - 1, into, quoted=True, only=_EXPANSIONS)
        elif node.kind in ("simple_expansion", "expansion"):
            self._parameter(node, into, quoted=quoted)
        elif node.kind == "command_substitution":
            self._value(self._substitute(node) or _placeholder(node), into, quoted=quoted)
        elif node.kind == "arithmetic_expansion":
            self._value(self._calculated(node), into, quoted=quoted)
        elif node.kind == "process_substitution":
            self._substitute(node)
            into.quoted(_placeholder(node))
        elif node.kind == "brace_expression":
            self._braces(node, into)
        else:
            self._range(node, node.start, node.end, into, quoted=quoted, only=_SPECIAL)

    def _range(
        self,
        node: Syntax,
        start: int,
        end: int,
        into: Fields,
        *,
        quoted: bool,
        only: tuple[str, ...],
        splits: bool = False,
    ) -> None:
        """The source from `start` to `end`, with the parts of kind `only` in it expanded."""
        at = start
        for each in _inner(node, only, start, end):
            self._literal(node.between(at, each.start), into, quoted=quoted, splits=splits)
            self._put(each, into, quoted=quoted)
            at = each.end
        self._literal(node.between(at, end), into, quoted=quoted, splits=splits)

    def _literal(self, source: str, into: Fields, *, quoted: bool, splits: bool) -> None:
        source = source.replace("\\\n", "")
        if quoted:
            into.literal(re.sub(r'\\(["\\$`])', r"\1", source))
        elif splits:
            into.unquoted(Text(re.sub(r"\\(.)", r"\1", source)))
        else:
            into.literal(re.sub(r"\\(.)", r"\1", source, flags=re.DOTALL))

    def _value(self, value: Value, into: Fields, *, quoted: bool, each_alone: bool = False) -> None:
        many = value if isinstance(value, tuple) else (value,)
        if len(many) > MOST_FIELDS:
            raise ShellError(1, f"a word of more than {MOST_FIELDS} values is not read")
        for number, each in enumerate(many):
            if number:
                if quoted and not each_alone:
                    into.literal(" ")
                else:
                    into.end()
            if quoted:
                into.quoted(each)
            else:
                into.unquoted(each)

    def _calculated(self, node: Syntax) -> Text:
        try:
            return Text(str(self.arithmetic.value(node)))
        except NotKnownError:
            return _placeholder(node)

    def _braces(self, node: Syntax, into: Fields) -> None:
        numbers = [int(each.text) for each in node.children if re.fullmatch(r"-?\d{1,6}", each.text)]
        if len(numbers) != 2 or abs(numbers[1] - numbers[0]) >= MOST_FIELDS:
            into.literal(node.text)
            return
        step = 1 if numbers[1] >= numbers[0] else -1
        values = tuple(Text(str(each)) for each in range(numbers[0], numbers[1] + step, step))
        self._value(values, into, quoted=False)

    def _parameter(self, node: Syntax, into: Fields, *, quoted: bool) -> None:
        """`$NAME` or `${...}`."""
        at = next((number for number, each in enumerate(node.children) if each.kind in _NAMES), None)
        if at is None:
            self._value(_placeholder(node), into, quoted=quoted)
            return
        name, behind = node.children[at], node.children[at + 1 :]
        prefix = node.children[1].kind if at > 1 else ""
        operator = behind[0] if behind and behind[0].kind != "}" else None
        value = self._looked_up(name)
        if value is None or (name.text == "#" and not self._variables.arguments):
            self.unset.append("1" if name.text == "#" else name.text)
        if prefix == "!" and isinstance(value, Text) and value.text.isidentifier():
            value = self._variables.get(value.text)
        elif prefix == "#":
            self._value(_length(value, node), into, quoted=quoted)
            return
        elif prefix:
            value = None
        if operator is None:
            is_at = name.text in ("@",) or name.text.endswith("[@]")
            self._value(_placeholder(node) if value is None else value, into, quoted=quoted, each_alone=is_at)
        else:
            self._operated(node, name, operator, value, into, quoted=quoted)

    def _operated(
        self, node: Syntax, name: Syntax, operator: Syntax, value: Value | None, into: Fields, *, quoted: bool
    ) -> None:
        sign, start, end = operator.kind, operator.end, node.end - 1
        is_set = value is not None and not (sign.startswith(":") and value in (Text(""), ()))
        each_alone = name.text == "@" or name.text.endswith("[@]")
        if sign in ("-", ":-", "=", ":=", "?", ":?") and is_set and value is not None:
            self._value(value, into, quoted=quoted, each_alone=each_alone)
        elif sign in ("=", ":="):
            alone = Fields(splits=False)
            self._range(node, start, end, alone, quoted=quoted, only=_SPECIAL)
            self._variables.set(name.text, alone.text())
            self._value(alone.text(), into, quoted=quoted)
        elif sign in ("-", ":-") or (sign in ("+", ":+") and is_set):
            self._range(node, start, end, into, quoted=quoted, only=_SPECIAL, splits=not quoted)
        elif sign in ("+", ":+"):
            return
        else:
            self._value(self._changed(node, sign, start, end, value), into, quoted=quoted)

    def _changed(self, node: Syntax, sign: str, start: int, end: int, value: Value | None) -> Text:
        alone = Fields(splits=False)
        self._range(node, start, end, alone, quoted=False, only=_SPECIAL)
        operand = alone.text()
        if not isinstance(value, Text) or not value.is_known or not operand.is_known:
            return _placeholder(node)
        result = changed(sign, value.text, operand.text)
        return _placeholder(node) if result is None else Text(result)

    def _looked_up(self, name: Syntax) -> Value | None:
        text, arguments = name.text, self._variables.arguments
        if name.kind == "subscript":
            return self._element(name)
        if text in ("@", "*"):
            return arguments
        if text == "#":
            return Text(str(len(arguments)))
        if text.isdecimal():
            number = int(text) if len(text) < 6 else 0
            return arguments[number - 1] if 0 < number <= len(arguments) else None
        value = self._variables.get(text)
        if isinstance(value, tuple):
            return value[0] if value else None
        return value

    def _element(self, name: Syntax) -> Value | None:
        inner = [each for each in name.children if each.kind not in ("[", "]")]
        value = self._variables.get(inner[0].text) if inner else None
        if value is None or len(inner) < 2:
            return None
        elements = value if isinstance(value, tuple) else (value,)
        if inner[1].text in ("@", "*"):
            return elements
        try:
            number = self.arithmetic.value(inner[1])
        except NotKnownError:
            return unknown(f"${{{name.text}}}")
        return elements[number] if -len(elements) <= number < len(elements) else None


def _inner(node: Syntax, kinds: tuple[str, ...], start: int, end: int) -> Iterator[Syntax]:
    """The outermost nodes of these kinds that lie in the range, in order."""
    for each in node.children:
        if each.start >= start and each.end <= end and each.kind in kinds:
            yield each
        elif each.end > start and each.start < end:
            yield from _inner(each, kinds, start, end)


def _placeholder(node: Syntax) -> Text:
    return unknown(" ".join(node.text.split())[:200])


def _length(value: Value | None, node: Syntax) -> Text:
    if isinstance(value, tuple):
        return Text(str(len(value)))
    return _placeholder(node) if value is None or not value.is_known else Text(str(len(value.text)))
