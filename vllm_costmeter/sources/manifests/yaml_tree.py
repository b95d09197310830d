"""YAML -> a tree of texts with their lines. The only file that imports a YAML library.

Nothing is constructed from tags, numbers remain text, and aliases are expanded within a limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.manifests.place import Place

LARGEST_BYTES = 16 << 20
"""Two thousand objects of the usual size, and some; Kubernetes keeps no single one above 1.5 MiB (etcd's limit)."""
MOST_NODES = 50_000
"""In a small file, however often its aliases are used; a large one may hold one for every four bytes."""
DEEPEST = 100
_MERGE = "tag:yaml.org,2002:merge"

INSTALL_HINT = "reading YAML needs PyYAML: pip install 'vllm-costmeter[deploy]'"


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar (`text`), a mapping or a list; the other two are None. An empty value or null is not a node."""

    place: Place
    text: str | None = None
    table: Mapping[str, Node] | None = None
    items: Sequence[Node] | None = None
    text_line: int = 0
    """The line in the file of the first line of `text`: the next one for a block scalar (`|`)."""
    kind: str = ""
    """The YAML type of `text`: str, int, float, bool."""
    keys: tuple[str, ...] = ()
    """Every key of `table` and those without a value, in order: `{L4, A100}` has only such."""

    def get(self, *path: str) -> Node | None:
        """The node under these keys; None if one is absent. An error if something on the way is not a mapping."""
        node: Node | None = self
        for depth, key in enumerate(path):
            if node is None:
                return None
            if node.table is None:
                raise node.place.fault(
                    f"{'.'.join(path[:depth]) or 'this'} must be a mapping, got {node.shape}"
                )
            node = node.table.get(key)
        return node

    @property
    def shape(self) -> str:
        """What it is, for an error."""
        if self.text is not None:
            return repr(self.text[:40])
        return "a list" if self.items is not None else "a mapping" if self.table is not None else "nothing"

    def string(self, what: str) -> str:
        if self.text is None:
            raise self.place.fault(f"{what} must be a string, got {self.shape}")
        return self.text

    def sequence(self, what: str) -> Sequence[Node]:
        if self.items is None:
            raise self.place.fault(f"{what} must be a list, got {self.shape}")
        return self.items

    def mapping(self, what: str) -> Mapping[str, Node]:
        if self.table is None:
            raise self.place.fault(f"{what} must be a mapping, got {self.shape}")
        return self.table


def documents(data: bytes, file: str, lines_before: int = 0) -> list[Node]:
    """Every non-empty document. An error (exit 2) with file and line for invalid YAML.

    `lines_before`: lines of the file before a text that is itself a value in it.
    """
    try:
        import yaml
    except ImportError:
        raise BadInputError(INSTALL_HINT) from None
    if len(data) > LARGEST_BYTES:
        raise BadInputError(f"{file}: larger than {LARGEST_BYTES >> 20} MiB, so it is not a deployment file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Place(file, data.count(b"\n", 0, error.start) + 1).fault("is not UTF-8") from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        composed = list(yaml.compose_all(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(str(error.problem or error.context or "a fault").split())
        line = lines_before + (mark.line + 1 if mark else 1)
        raise Place(file, line).fault(f"is not valid YAML: {what[:120]}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        what = " ".join(str(error).split())[:120]
        raise Place(file, 1).fault(f"is not valid YAML: {what}") from None
    tree = _Tree(file, max(MOST_NODES, len(data) // 4), lines_before)
    nodes = [tree.node(each, 0) for each in composed if each is not None]
    return [node for node in nodes if node is not None]


class _Tree:
    """Convert the library's nodes, counting them: an alias may stand for a million nodes."""

    def __init__(self, file: str, most_nodes: int, lines_before: int) -> None:
        self._file = file
        self._most_nodes = most_nodes
        self._lines_before = lines_before
        self._count = 0

    def node(self, raw: Any, depth: int) -> Node | None:
        place = Place(self._file, self._lines_before + raw.start_mark.line + 1)
        self._count += 1
        if self._count > self._most_nodes or depth > DEEPEST:
            raise place.fault(
                f"more than {self._most_nodes} values or {DEEPEST} levels, so it is not a deployment file"
            )
        if raw.id == "scalar":
            if raw.tag.endswith(":null") and not raw.style:
                return None
            below = 1 if raw.style in ("|", ">") else 0
            kind = raw.tag.rpartition(":")[2]
            return Node(place, text=raw.value, text_line=place.line + below, kind=kind)
        if raw.id == "sequence":
            items = [self.node(item, depth + 1) for item in raw.value]
            return Node(place, items=tuple(item for item in items if item is not None))
        table: dict[str, Node] = {}
        names: dict[str, None] = {}
        for key, value in raw.value:
            if key.id == "scalar" and key.tag == _MERGE:
                for merged in self._merged(value, depth):
                    table = {**(merged.table or {}), **table}
                    names |= dict.fromkeys(merged.keys)
        for key, value in raw.value:
            if key.id != "scalar":
                raise place.fault("a mapping's keys must be plain values: is this an unrendered template?")
            if key.tag == _MERGE:
                continue
            found = self.node(value, depth + 1)
            names[key.value] = None
            table.pop(key.value, None)
            if found is not None:
                table[key.value] = found
        return Node(place, table=table, keys=tuple(names))

    def _merged(self, raw: Any, depth: int) -> list[Node]:
        """The mappings of a merge key (`<<: *common` or a list of them), the one that goes before first."""
        each = raw.value if raw.id == "sequence" else [raw]
        found = []
        for one in each:
            node = self.node(one, depth + 1)
            if node is None or node.table is None:
                place = Place(self._file, self._lines_before + raw.start_mark.line + 1)
                raise place.fault("a merge key (<<) must hold a mapping or a list of mappings")
            found.append(node)
        return found
