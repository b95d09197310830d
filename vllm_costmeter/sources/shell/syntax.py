"""Shell text -> its syntax tree. The only file that imports tree-sitter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.shell.repairs import rewritten

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LARGEST_BYTES = 1 << 18  # Linux passes no argument above 128 KiB (MAX_ARG_STRLEN); script files are read too
INSTALL_HINT = "reading a shell script needs tree-sitter: pip install 'vllm-costmeter[deploy]'"


class ShellError(BadInputError):
    """A script that cannot be read; `line` is counted in the file that it stands in."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class ParserMissingError(BadInputError):
    """tree-sitter is not installed."""


@dataclass(frozen=True, slots=True)
class Syntax:
    """One node of the tree."""

    source: bytes
    kind: str
    """The node's type in tree-sitter-bash's grammar: command, string, `;`."""
    start: int
    end: int
    line: int
    field: str | None
    """What it is to its parent: name, value, condition, body."""
    children: tuple[Syntax, ...]

    @property
    def text(self) -> str:
        return self.source[self.start : self.end].decode(errors="replace")

    def between(self, start: int, end: int) -> str:
        """Source text, by its bytes."""
        return self.source[start:end].decode(errors="replace")

    def child(self, *kinds: str) -> Syntax | None:
        """The first child of one of these kinds."""
        return next((each for each in self.children if each.kind in kinds), None)

    def under(self, field: str) -> list[Syntax]:
        """The children with this field."""
        return [each for each in self.children if each.field == field]

    def of(self, *kinds: str) -> Iterator[Syntax]:
        """This node and those below it of these kinds."""
        if self.kind in kinds:
            yield self
        for each in self.children:
            yield from each.of(*kinds)


def parse(script: str, first_line: int = 1) -> Syntax:
    """The tree of a script. ShellError, with its line, for text that is not a shell script."""
    data = script.replace("\r\n", "\n").encode(errors="replace")
    if len(data) > LARGEST_BYTES:
        raise ShellError(first_line, f"a script above {LARGEST_BYTES >> 10} KiB is not read")
    root = _parser().parse(data).root_node
    if root.has_error:
        for changed in rewritten(data):
            other = _parser().parse(changed).root_node
            if not other.has_error:
                root, data = other, changed
                break
    try:
        if root.has_error:
            raise _fault(root, data, first_line)
        return _syntax(root, data, first_line, None)
    except RecursionError:
        raise ShellError(first_line, "the script is nested too deeply to be read") from None


def _parser() -> Parser:
    try:
        import tree_sitter_bash
        from tree_sitter import Language, Parser
    except ImportError:
        raise ParserMissingError(INSTALL_HINT) from None
    return Parser(Language(tree_sitter_bash.language()))


def _syntax(node: Node, source: bytes, first_line: int, field: str | None) -> Syntax:
    children = tuple(
        _syntax(child, source, first_line, node.field_name_for_child(number))
        for number, child in enumerate(node.children)
    )
    line = first_line + node.start_point.row
    return Syntax(source, node.type, node.start_byte, node.end_byte, line, field, children)


def _fault(node: Node, source: bytes, first_line: int) -> ShellError:
    """The innermost place that the grammar has no rule for."""
    while True:
        inner = next((child for child in node.children if child.has_error or child.is_missing), None)
        if inner is None or node.is_missing:
            break
        node = inner
    line = first_line + node.start_point.row
    if node.is_missing:
        return ShellError(line, f"not valid shell: {node.type} is missing")
    near = " ".join(source[node.start_byte : node.end_byte].decode(errors="replace").split())
    return ShellError(line, f"not valid shell near {near[:40]!r}")
