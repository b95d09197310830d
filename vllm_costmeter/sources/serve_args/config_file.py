"""The YAML file of `vllm serve --config FILE`: its keys and values, and the line of a fault in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vllm_costmeter.core.errors import BadInputError, unreadable
from vllm_costmeter.core.release import Release
from vllm_costmeter.sources.manifests.place import LocatedError, Place, Word

if TYPE_CHECKING:
    from vllm_costmeter.sources.manifests.yaml_tree import Node

_TRUE = ("true", "yes", "on")


class ConfigFile:
    """Reads the file for one command line, once that line turns out to name it."""

    def __init__(self, words: Sequence[str]) -> None:
        self._names_model = any(word.partition("=")[0] == "--model" for word in words) or (
            bool(words) and not words[0].startswith("-")
        )
        self._given = {_dashed(word.partition("=")[0]) for word in words}
        self._places: dict[str, Place] = {}
        self._off: list[str] = []

    def read(self, name: str) -> Mapping[str, Any]:
        """Keys and values of the file. An error with file and line for a faulty one or an unfilled placeholder."""
        nodes = config_nodes(Path(name))
        self._places = {_dashed(f"--{key}"): node.place for key, node in nodes.items()}
        values = {key: _plain(node) for key, node in nodes.items()}
        self._off = [f"--{key}" for key, value in values.items() if value is False]
        for key, value in values.items():
            if not (key == "model" and self._names_model):
                _reject_placeholder(key, value, nodes[key].place)
        return values

    def located(self, error: BadInputError) -> BadInputError:
        """The error with file and line where it is about a flag that only the file gives."""
        if isinstance(error, LocatedError):
            return error
        flags = re.findall(r"--[A-Za-z][\w-]*", _dashed(str(error)))
        found = next((flag for flag in flags if flag in self._places and flag not in self._given), None)
        return error if found is None else self._places[found].fault(str(error))

    def passed_over(self, release: Release, *, is_module: bool) -> tuple[str, ...]:
        """A note for each `key: false` that vLLM leaves out though the flag is not off by default."""
        from vllm_costmeter.sources.vllm_cli.flag_table import flag_table
        from vllm_costmeter.sources.vllm_cli.spelling import reads_false

        flags = flag_table().at(release.number)
        if reads_false(flags, is_module=is_module):
            return ()
        found = [(name, flags.named(name)) for name in self._off]
        return tuple(
            f"{self._places[_dashed(name)]}: vLLM passes over {name[2:]}: false; --no-{_dashed(name)[2:]} turns it off"
            for name, flag in found
            if flag is not None and flag.off and flag.default is not False
        )


def config_nodes(path: Path) -> Mapping[str, Node]:
    """The file's keys. BadInputError for one that cannot be read, with file and line for a faulty one."""
    from vllm_costmeter.sources.manifests.yaml_tree import LARGEST_BYTES, documents

    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise unreadable(f"--config {path}", error) from None
    found = documents(data, str(path))
    if not found:
        raise BadInputError(f"--config {path}: is empty; write flags, one `name: value` a line")
    return found[0].mapping("the file")


def _reject_placeholder(key: str, value: Any, place: Place) -> None:
    from vllm_costmeter.sources.manifests.placeholders import placeholder

    values = value if isinstance(value, list) else [value]
    found = placeholder([Word(text, place.line) for text in (f"--{key}", *map(str, values))])
    if found is not None:
        raise place.fault(f"{found[1]}: replace it with its value")


def _plain(node: Node) -> Any:
    """The node as Python values."""
    if node.table is not None:
        return {key: _plain(value) for key, value in node.table.items()}
    if node.items is not None:
        return [_plain(item) for item in node.items]
    text = node.text or ""
    if node.kind == "bool":
        return text.casefold() in _TRUE
    try:
        return int(text) if node.kind == "int" else float(text) if node.kind == "float" else text
    except ValueError:
        return text


def _dashed(text: str) -> str:
    return text.replace("_", "-")
