"""A deployment file -> the vLLM servers in it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError, unreadable
from vllm_costmeter.sources.manifests.compose import compose_servers
from vllm_costmeter.sources.manifests.kubernetes import kubernetes_servers
from vllm_costmeter.sources.manifests.place import NoServerError, Place
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.yaml_tree import LARGEST_BYTES, documents

_HELM = re.compile(
    rb"\{\{-?\s*(\.[A-Za-z]|\$|include\b|template\b|if\b|range\b|with\b|end\b|else\b|toYaml\b|tpl\b|define\b|default\b|"
    rb"required\b|printf\b|quote\b|/\*)"
)


def servers_in(path: Path) -> list[DeclaredServer]:
    """Every vLLM server of the file, in its order; `-` is standard input.

    Raises BadInputError, with file and line if known, for a file that cannot be read, is not YAML, is an unrendered
    template, lacks required fields, or starts no vLLM server.
    """
    name = "<stdin>" if str(path) == "-" else str(path)
    return servers_of(_bytes(path, name), name)


def servers_of(data: bytes, name: str) -> list[DeclaredServer]:
    """As `servers_in`, for a file's content."""
    _reject_templates(data, name)
    found = documents(data, name)
    if not found:
        raise BadInputError(f"{name}: is empty; give a Kubernetes manifest or a Compose file")
    servers: list[DeclaredServer] = []
    seen: list[str] = []
    for document in found:
        if document.table is None:
            raise document.place.fault("must be a mapping: a Kubernetes object or a Compose file")
        if document.get("kind") is not None:
            servers += kubernetes_servers(document, seen)
        elif document.get("services") is not None:
            servers += compose_servers(document, seen)
        elif document.get("kind") is None and len(found) == 1:
            raise NoServerError(
                f"{document.place}: neither a Kubernetes object (kind) nor a Compose file (services)"
            )
    if not servers:
        among = f" among {', '.join(seen[:5])}" if seen else ""
        raise NoServerError(f"{name}: no container starts `vllm serve`{among}")
    return servers


def _bytes(path: Path, name: str) -> bytes:
    try:
        if name == "<stdin>":
            return sys.stdin.buffer.read(LARGEST_BYTES + 1)
        with path.open("rb") as stream:
            return stream.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from None


def _reject_templates(data: bytes, name: str) -> None:
    for number, line in enumerate(data.splitlines(), 1):
        if _HELM.search(line) and not line.lstrip().startswith(b"#"):
            raise Place(name, number).fault(
                "a Helm template: render it first, for example `helm template ... | costmeter check --file -`"
            )
