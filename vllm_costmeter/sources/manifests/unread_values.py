"""Variables whose values stand in a source that is not read: where their defaults count instead, a note says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.sources.manifests.yaml_tree import Node

_DEFAULT = re.compile(r"\$\{([A-Za-z_]\w*):?[-=+]")
_MOST_NAMED = 6
_SOURCES = "\x00sources"
"""Key of a container under which the sources of its `envFrom` stand that are not read."""
_REFERENCES = {"configMapRef": "ConfigMap", "secretRef": "Secret"}


def default_notes(
    texts: Iterable[str], variables: Mapping[str, str], sources: Sequence[str]
) -> tuple[str, ...]:
    """A line on the variables in `texts` that have no value here, have a default there, and may be set by a source."""
    if not sources:
        return ()
    names = {
        found[1]: None for text in texts for found in _DEFAULT.finditer(text) if found[1] not in variables
    }
    if not names:
        return ()
    listed = ", ".join(islice(names, _MOST_NAMED)) + (" and others" if len(names) > _MOST_NAMED else "")
    unread = ", ".join(f"{source:.80}" for source in dict.fromkeys(sources))
    return (
        f"{unread}: not read, so the defaults of {listed} count here, and model, flags and length may differ: "
        f"--set {next(iter(names))}=VALUE gives one",
    )


def with_unread_sources(objects: Sequence[Node], config_maps: Sequence[Node]) -> list[Node]:
    """The objects with the sources of each container's `envFrom` that are not among them nor among `config_maps`."""
    known = {
        _name(each.table.get("metadata"))
        for each in (*objects, *config_maps)
        if each.table is not None and (each.table.get("kind") or each).text == "ConfigMap"
    }
    return [_marked(each, known) for each in objects]


def unread_sources(container: Node) -> list[str]:
    """Those of one container: "ConfigMap settings", "Secret keys"."""
    found = (container.table or {}).get(_SOURCES)
    return [each.text or "" for each in (found.items or ())] if found is not None else []


def _marked(node: Node, known: set[str]) -> Node:
    if node.items is not None:
        items = [_marked(each, known) for each in node.items]
        is_same = all(one is two for one, two in zip(items, node.items, strict=True))
        return node if is_same else replace(node, items=items)
    if node.table is None:
        return node
    table = {key: _marked(value, known) for key, value in node.table.items()}
    entries = node.table.get("envFrom")
    sources = [
        Node(each.place, text=f"{kind} {name}")
        for each in ((entries.items or ()) if entries is not None else ())
        for key, kind in _REFERENCES.items()
        if (name := _name((each.table or {}).get(key))) and (kind == "Secret" or name not in known)
    ]
    if sources:
        table[_SOURCES] = Node(node.place, items=sources)
    elif all(value is node.table[key] for key, value in table.items()):
        return node
    return replace(node, table=table)


def _name(node: Node | None) -> str:
    name = (node.table or {}).get("name") if node is not None else None
    return name.text or "" if name is not None else ""
