"""The YAML file of `vllm serve --config FILE` -> the words it stands for, as vLLM's parser puts them in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vllm_costmeter.core.errors import BadInputError, unreadable
from vllm_costmeter.sources.manifests.place import Word

if TYPE_CHECKING:
    from vllm_costmeter.sources.manifests.yaml_tree import Node

_TRUE = ("true", "yes", "on")


def config_file_words(path: Path) -> list[Word]:
    """Flags and values of the file, each with its line. BadInputError with file and line for a faulty one."""
    from vllm_costmeter.sources.manifests.yaml_tree import LARGEST_BYTES, documents

    name = str(path)
    if path.suffix not in (".yaml", ".yml"):
        raise BadInputError(f"--config {name}: vLLM reads .yaml and .yml files only")
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise unreadable(f"--config {name}", error) from None
    found = documents(data, name)
    if not found:
        raise BadInputError(f"--config {name}: is empty; write flags, one `name: value` a line")
    return [word for key, value in found[0].mapping("the file").items() for word in _flag_words(key, value)]


def _flag_words(key: str, value: Node) -> list[Word]:
    """As `load_config_file` of vllm/utils/argparse_utils.py, 0.32.0."""
    line = value.place.line
    flag = Word(f"--{key}", line)
    if value.items is not None:
        items = [Word(item.string(key), item.place.line) for item in value.items]
        return [flag, *items] if items else []
    if value.table is not None:
        return [flag, Word(json.dumps(_plain(value)), line)]
    if value.kind == "bool":
        return [flag if (value.text or "").casefold() in _TRUE else Word(f"--no-{key}", line)]
    return [flag, Word(value.text or "", line)]


def _plain(node: Node) -> Any:
    """The node as JSON values."""
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
