"""Paths inside a container, and where their content stands: mounted texts, and folders of this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.manifests.kubernetes.flag_words import plain
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.manifests.placeholders import placeholder
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.yaml_tree import Node, documents

PathMap = Sequence[tuple[str, str]]
"""(prefix in the container or of an address, folder on this machine)."""


def on_this_machine(path: str, maps: PathMap) -> str | None:
    """Where a path or address stands here, by the longest prefix that holds it; None by none."""
    fitting = [each for each in maps if path == each[0] or path.startswith(f"{each[0].rstrip('/')}/")]
    if not fitting:
        return None
    prefix, folder = max(fitting, key=lambda each: len(each[0]))
    return os.path.normpath(f"{folder}/{path[len(prefix) :]}")


def local_model(server: DeclaredServer, model: str, maps: PathMap) -> str:
    """The model as it stands here. A located error for one that stands in the container alone."""
    mapped = on_this_machine(model, maps)
    if mapped is None:
        mounted = on_this_machine(model, server.paths)
        mapped = mounted if mounted is not None and _exists(mounted) else None
    if mapped is not None:
        return mapped
    if (model.startswith("/") and not _exists(model)) or "://" in model:
        where = "is an address" if "://" in model else "lies in the container"
        prefix = model if "://" in model else str(Path(model).parent).rstrip("/") or model
        raise server.place_of("--model").fault(
            f"{server.name}: {model[:120]} {where}: --path-map {prefix[:80]}=FOLDER says where it stands here, "
            "--model MODEL which one it is"
        )
    return model


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def config_values(server: DeclaredServer, name: str, maps: PathMap) -> Mapping[str, Any]:
    """Keys and values of a `--config` file: one that the file mounts or a script writes, or one of this machine."""
    node = _config_node(server, name, maps)
    for key, value in node.mapping("the file").items():
        found = placeholder([Word(f"--{key}", value.place.line), Word(value.text or "", value.place.line)])
        if found is not None:
            raise value.place.fault(f"{found[1]}: replace it with its value")
    return {key: plain(value) for key, value in node.mapping("the file").items()}


def _config_node(server: DeclaredServer, name: str, maps: PathMap) -> Node:
    files = {path: file for path, file in server.files.items() if path == name or path.endswith(f"/{name}")}
    local = on_this_machine(name, maps)
    if files:
        file = next(iter(files.values()))
        where, before = (server.place.file, file.line - 1) if file.line else (name, 0)
        found = documents(file.text.text.encode(), where, before)
    elif local is not None:
        try:
            found = documents(Path(local).read_bytes(), local)
        except OSError as error:
            raise BadInputError(f"--config {local}: cannot be read: {error.strerror or error}") from None
    else:
        raise server.place_of("--config").fault(
            f"{server.name}: --config names {name}, a file inside the container: give its flags instead, or "
            f"--path-map {Path(name).parent}=FOLDER"
        )
    if not found:
        raise server.place.fault(f"--config {name}: is empty")
    return found[0]
