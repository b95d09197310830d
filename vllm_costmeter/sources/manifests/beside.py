"""What stands beside an object: values of ConfigMaps in the same file, mounted ConfigMaps, and values given by hand.

They are put into the tree before it is read: `env` entries get their values, and a container its files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.sources.manifests.place import Place
from vllm_costmeter.sources.manifests.yaml_tree import Node
from vllm_costmeter.sources.shell.machine import GIVEN, File
from vllm_costmeter.sources.shell.values import GivenText, Text


@dataclass(frozen=True, slots=True)
class Beside:
    """What does not stand in a file itself."""

    given: Mapping[str, str] = field(default_factory=dict)
    """Values of variables by name, which go before those of the file."""
    config_maps: Sequence[Node] = ()
    """ConfigMaps of other files."""

    def __post_init__(self) -> None:
        given = {name: GivenText(value) for name, value in self.given.items()}
        object.__setattr__(self, "given", given)


_FILES = "\x00files"
"""Key of a container under which its mounted texts stand, by path."""
_STARTS = ("command", "args", "image")


def with_values_beside(
    objects: Sequence[Node], given: Mapping[str, str], others: Sequence[Node] = ()
) -> list[Node]:
    """The objects with values of the ConfigMaps among them and among `others`, and with those `given` by name over any
    other.

    A value that stands elsewhere (a Secret, another ConfigMap, the downward API) is `$(NAME)`: set, and not known.
    """
    maps = {_name(each): each for each in (*others, *objects) if _kind(each) == "ConfigMap"}
    return [
        each if _kind(each) in ("ConfigMap", "Secret") else _Filler(maps, given).filled(each)
        for each in objects
    ]


def files_of(container: Node) -> dict[str, File]:
    """Texts of the ConfigMaps that are mounted into a container, by path, and values given by hand (`GIVEN`)."""
    files = (container.table or {}).get(_FILES)
    if files is None or files.table is None:
        return {}
    return {path: File(Text(node.text or ""), node.text_line) for path, node in files.table.items()}


class _Filler:
    def __init__(self, maps: Mapping[str, Node], given: Mapping[str, str]) -> None:
        self._maps = maps
        self._given = given

    def filled(self, node: Node, volumes: Mapping[str, Node] | None = None) -> Node:
        """The tree under `node`; `volumes` are those of the pod above."""
        if node.items is not None:
            items = [self.filled(each, volumes) for each in node.items]
            return replace(node, items=items) if any(map(_differs, items, node.items)) else node
        if node.table is None:
            return node
        own = node.table.get("volumes")
        if own is not None and own.items is not None:
            volumes = {_name_of(each): each for each in own.items if each.table is not None}
        table = {key: self.filled(value, volumes) for key, value in node.table.items()}
        if any(key in table for key in _STARTS):
            self._fill_container(table, node.place, volumes or {})
        if len(table) == len(node.table) and not any(
            _differs(value, node.table[key]) for key, value in table.items()
        ):
            return node
        return replace(node, table=table)

    def _fill_container(self, table: dict[str, Node], place: Place, volumes: Mapping[str, Node]) -> None:
        env, sources = table.get("env"), table.get("envFrom")
        if env is None or env.items is not None:
            before = [
                entry for each in (sources.items or () if sources else ()) for entry in self._every(each)
            ]
            entries = [self._entry(each) for each in (env.items or () if env else ())]
            made = [*before, *entries]
            names = {_name_of(each) for each in made}
            made += [
                _env_entry(name, value, place) for name, value in self._given.items() if name not in names
            ]
            if made and (
                env is None or before or len(made) > len(entries) or any(map(_differs, made, env.items or ()))
            ):
                table["env"] = Node(env.place if env else place, items=made)
        files = self._files(table.get("volumeMounts"), volumes)
        files = {
            path: node if node.place.file == place.file else replace(node, text_line=place.line)
            for path, node in files.items()
        }
        by_hand = {f"{GIVEN}{name}": Node(place, text=value) for name, value in self._given.items()}
        if files or by_hand:
            files |= by_hand
            table[_FILES] = Node(place, table=files)

    def _every(self, source: Node) -> Iterator[Node]:
        """The variables of one `envFrom`."""
        reference = (source.table or {}).get("configMapRef")
        prefix = (source.table or {}).get("prefix")
        data = self._data(reference)
        for key, value in data.items():
            if re.fullmatch(r"[A-Za-z_][\w.-]*", key):
                name = f"{prefix.text if prefix is not None and prefix.text else ''}{key}"
                text = self._given.get(name, value.text or "")
                yield _env_entry(name, text, value.place)

    def _entry(self, entry: Node) -> Node:
        name = _name_of(entry)
        table = entry.table or {}
        if not name:
            return entry
        if name in self._given:
            return _env_entry(name, self._given[name], entry.place)
        source = table.get("valueFrom")
        if source is None or table.get("value") is not None:
            return entry
        reference = (source.table or {}).get("configMapKeyRef")
        key = (reference.table or {}).get("key") if reference is not None else None
        value = self._data(reference).get(key.text or "") if key is not None else None
        return _env_entry(name, f"$({name})" if value is None else value.text or "", entry.place)

    def _data(self, reference: Node | None) -> Mapping[str, Node]:
        found = self._maps.get(_name_of(reference)) if reference is not None else None
        data = (found.table or {}).get("data") if found is not None else None
        return data.table or {} if data is not None else {}

    def _files(self, mounts: Node | None, volumes: Mapping[str, Node]) -> dict[str, Node]:
        files: dict[str, Node] = {}
        for mount in mounts.items or () if mounts is not None else ():
            table = mount.table or {}
            path, sub = table.get("mountPath"), table.get("subPath")
            volume = volumes.get(_name_of(mount))
            if path is None or path.text is None or volume is None:
                continue
            for name, node in self._texts(volume).items():
                if sub is None or sub.text is None:
                    files[f"{path.text.rstrip('/')}/{name}"] = node
                elif sub.text == name:
                    files[path.text] = node
        return files

    def _texts(self, volume: Node) -> dict[str, Node]:
        """The files of a volume: those of its ConfigMap, or of the ConfigMaps that it projects."""
        table = volume.table or {}
        projected = table.get("projected")
        sources = ((projected.table or {}).get("sources") if projected is not None else None) or Node(
            volume.place
        )
        found: dict[str, Node] = {}
        for source in (volume, *(sources.items or ())):
            reference = (source.table or {}).get("configMap")
            if reference is None:
                continue
            data = self._data(reference)
            listed = (reference.table or {}).get("items")
            if listed is None:
                found |= data
            for item in listed.items or () if listed is not None else ():
                key, path = (item.table or {}).get("key"), (item.table or {}).get("path")
                node = data.get(key.text or "") if key is not None else None
                if node is not None and path is not None:
                    found[path.text or ""] = node
        return found


def _differs(one: Node, two: Node) -> bool:
    return one is not two


def _kind(node: Node) -> str:
    kind = (node.table or {}).get("kind")
    return kind.text or "" if kind is not None else ""


def _name(node: Node) -> str:
    return _name_of((node.table or {}).get("metadata"))


def _name_of(node: Node | None) -> str:
    name = (node.table or {}).get("name") if node is not None else None
    return name.text or "" if name is not None else ""


def _env_entry(name: str, value: str, place: Place) -> Node:
    made = {
        key: Node(place, text=text, text_line=place.line, kind="str")
        for key, text in (("name", name), ("value", value))
    }
    return Node(place, table=made)
