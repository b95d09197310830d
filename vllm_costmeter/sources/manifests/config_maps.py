"""ConfigMaps of the other files that are checked together."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.manifests.kubernetes.objects import objects_of
from vllm_costmeter.sources.manifests.yaml_tree import LARGEST_BYTES, Node, documents

_LARGEST_TOGETHER = LARGEST_BYTES


def config_maps_in(paths: Sequence[Path]) -> list[Node]:
    """Those of all files; a file that cannot be read is passed over, since its own reading says so."""
    found: list[Node] = []
    left = _LARGEST_TOGETHER
    for path in paths:
        with contextlib.suppress(BadInputError, OSError, ValueError):
            if not path.is_file() or path.stat().st_size > left:
                continue
            data = path.read_bytes()
            if b"ConfigMap" in data and b"{{" not in data:
                left -= len(data)
                found += [each for each in objects_of(documents(data, str(path))) if _is_config_map(each)]
    return found


def _is_config_map(node: Node) -> bool:
    kind = (node.table or {}).get("kind")
    return kind is not None and kind.text == "ConfigMap"
