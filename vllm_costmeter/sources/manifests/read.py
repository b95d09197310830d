"""A deployment file -> the vLLM servers in it, and what else was seen there."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.core.errors import BadInputError, unreadable
from vllm_costmeter.sources.manifests.beside import Beside, with_values_beside
from vllm_costmeter.sources.manifests.compose import compose_servers
from vllm_costmeter.sources.manifests.gpus.claims import with_claims
from vllm_costmeter.sources.manifests.image import other_device
from vllm_costmeter.sources.manifests.kubernetes.kinds import RENDERED
from vllm_costmeter.sources.manifests.kubernetes.objects import kubernetes_servers, objects_of, title_of
from vllm_costmeter.sources.manifests.large import without_bystanders, without_collector
from vllm_costmeter.sources.manifests.place import LocatedError, NoServerError, Place
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.unread_values import with_unread_sources
from vllm_costmeter.sources.manifests.yaml_tree import LARGEST_BYTES, Node, documents
from vllm_costmeter.sources.shell.syntax import ShellError

_HELM = re.compile(
    rb"\{\{-?\s*(\.[A-Za-z]|\$(?!labels\b|value\b|externalLabels\b)|include\b|template\b|if\b|range\b|with\b|end\b|"
    rb"else\b|toYaml\b|tpl\b|define\b|default\b|required\b|printf\b|quote\b|/\*)"
)
"""`$labels`, `$value` and `$externalLabels` are Prometheus's, in the texts of an alert."""
_HELM_ALONE = re.compile(rb"\{\{-?[^}]*\.(Values|Release|Chart|Capabilities|Files|Template)\b|^\s*\{\{")
"""What KServe's own templates (`{{.Name}}`, `{{ .Spec.Model.Name }}`) never have."""
_HELM_OF_VALUES = re.compile(rb"\{\{-?[^}]*\.(Values|Release|Chart|Capabilities|Files)\b")
"""The same for LLMInferenceServiceConfigs, whose commands hold `{{- if .Spec.Parallelism }}` and `.Spec.Template`."""
_NO_YAML = re.compile(r"\.(sh|bash|zsh|sbatch|slurm|container|service|socket|timer|pod|kube)$")


NOTHING_BESIDE = Beside()


@dataclass(frozen=True, slots=True)
class FileReading:
    """What one file holds."""

    servers: list[DeclaredServer] = field(default_factory=list)
    """In the file's order, with those that may start one and were not read."""
    others: tuple[str, ...] = ()
    """Containers, services and scripts that were read and start no vLLM server."""
    num_objects: int = 0
    """Objects that start none: of a kind without pods, or of an operator for something else."""


def servers_in(path: Path) -> list[DeclaredServer]:
    """The vLLM servers of `reading_of`."""
    return reading_of(path).servers


def reading_of(path: Path, beside: Beside = NOTHING_BESIDE) -> FileReading:
    """Every vLLM server of the file, in its order, and what else it holds; `-` is standard input.

    Raises BadInputError, with file and line if known, for a file that cannot be read, is not YAML, is an unrendered
    template, lacks required fields, or starts no vLLM server.
    """
    name = "<stdin>" if str(path) == "-" else str(path)
    with without_collector():
        return reading(_bytes(path, name), name, beside)


def servers_of(data: bytes, name: str, given: Mapping[str, str] | None = None) -> list[DeclaredServer]:
    """The vLLM servers of `reading`."""
    return reading(data, name, Beside(given or {})).servers


def reading(data: bytes, name: str, beside: Beside = NOTHING_BESIDE) -> FileReading:
    """As `reading_of`, for a file's content."""
    try:
        return _reading(data, name, beside)
    except ShellError as error:
        raise Place(name, error.line).fault(error.message) from None


def _reading(data: bytes, name: str, beside: Beside) -> FileReading:
    own_name = name.rsplit("/", 1)[-1]
    seen: list[str] = []
    servers = _of_a_machine(data, name, own_name, seen, beside.given)
    num_objects = 0
    if servers is None:
        servers, num_objects, hints = _of_yaml(data, name, own_name, seen, beside)
        if not servers and hints:
            raise NoServerError(hints[0])
    if not servers:
        among = f" among {', '.join(seen[:5])}" if seen else ""
        raise NoServerError(f"{name}: no container starts `vllm serve`{among}")
    servers = [_on_its_device(server) for server in servers]
    titles = {name for server in servers for name in (server.name, re.sub(r", server \d+$", "", server.name))}
    faulty = tuple(server.name for server in servers if server.fault is not None)
    others = tuple(title for title in seen if title not in titles and not title.startswith(faulty))
    return FileReading(servers, others, num_objects)


def _on_its_device(server: DeclaredServer) -> DeclaredServer:
    """The server, not read where its image is for another device than a GPU."""
    device = other_device(server.image or "") if server.not_read is None and server.fault is None else None
    return server if device is None else replace(server, words=(), not_read=device)


def _of_a_machine(
    data: bytes, name: str, own_name: str, seen: list[str], given: Mapping[str, str]
) -> list[DeclaredServer] | None:
    """The servers of a script or a unit; None for another text."""
    if not (
        _NO_YAML.search(own_name) or data.startswith(b"#!") or re.search(rb"^\[[A-Z]\w+\]\s*$", data, re.M)
    ):
        return None
    text = _text(data, name)
    if not text.strip():
        raise BadInputError(f"{name}: is empty")
    from vllm_costmeter.sources.manifests.hosts.scripts import is_script, script_servers
    from vllm_costmeter.sources.manifests.hosts.units import is_unit, unit_servers

    if is_unit(text):
        return list(unit_servers(text, name, own_name, seen, given))
    return list(script_servers(text, name, own_name, seen, given)) if is_script(text, own_name) else None


def _text(data: bytes, name: str) -> str:
    if len(data) > LARGEST_BYTES:
        raise BadInputError(f"{name}: larger than {LARGEST_BYTES >> 20} MiB, so it is not a deployment file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Place(name, data.count(b"\n", 0, error.start) + 1).fault("is not UTF-8") from None


def _of_yaml(
    data: bytes, name: str, own_name: str, seen: list[str], beside: Beside
) -> tuple[list[DeclaredServer], int, list[str]]:
    """Servers, the number of objects that start none, and what texts are that were not read."""
    kept, num_idle = without_bystanders(data)
    found = _documents(kept, name, own_name)
    servers: list[DeclaredServer] = []
    hints: list[str] = []
    objects = [each for each in objects_of(found) if each.get("kind") is not None]
    for document in found:
        if document.get("kind") is None:
            own = _without_kind(document, own_name, seen, beside.given)
            if isinstance(own, str):
                hints.append(f"{document.place}: {own}")
                title = f"{own_name}, document at line {document.place.line}"
                servers += _unread(title, document, own) if len(found) > 1 else []
            else:
                servers += own
    filled = with_values_beside(objects, beside.given, beside.config_maps)
    if b"envFrom" in kept:
        filled = with_unread_sources(filled, beside.config_maps)
    servers += kubernetes_servers(with_claims(filled), seen)
    servers.sort(key=lambda server: server.place.line)
    if servers and all(server.not_read and server.name.split(" ")[0] in RENDERED for server in servers):
        hints += [f"{server.place}: {server.name}: {server.not_read}" for server in servers]
        servers = []
    for each in objects if not servers else ():
        if (each.get("kind") or each).text == "LLMInferenceServiceConfig":
            what = "it starts no server by itself: check the LLMInferenceServices whose baseRefs name it"
            hints.append(f"{each.place}: {title_of(each)}: {what}")
    busy = {title.partition(",")[0] for title in (*seen, *(server.name for server in servers))}
    idle = [each for each in objects if title_of(each) not in busy]
    return servers, num_idle + len(idle), hints


def _documents(data: bytes, name: str, own_name: str) -> list[Node]:
    from vllm_costmeter.sources.manifests.texts import list_of_what, named_text

    what = named_text(own_name)
    _reject_templates(data, name)
    try:
        found = documents(data, name)
    except LocatedError:
        if what is not None:
            raise NoServerError(f"{name}: {what}") from None
        raise
    if not found:
        raise BadInputError(f"{name}: is empty")
    for document in found:
        if document.table is None:
            if what is not None:
                raise NoServerError(f"{name}: {what}")
            raise document.place.fault(list_of_what(document))
    return found


def _without_kind(
    document: Node, own_name: str, seen: list[str], given: Mapping[str, str]
) -> list[DeclaredServer] | str:
    """The servers of a Compose file, a SkyPilot task, a Ray Serve configuration or two charts' values; otherwise what
    the mapping is."""
    keys = document.keys
    if "services" in keys:
        return list(compose_servers(document, seen, given))
    from vllm_costmeter.sources.manifests.hosts.skypilot import is_task, task_servers
    from vllm_costmeter.sources.manifests.kubernetes.production_stack import chart_values, stack_values
    from vllm_costmeter.sources.manifests.kubernetes.ray import llm_config, serve_config
    from vllm_costmeter.sources.manifests.texts import mapping_without_kind

    if "servingEngineSpec" in keys:
        return list(stack_values(document, seen))
    image = document.get("image")
    if image is not None and image.table is not None and "command" in image.keys:
        return list(chart_values(document, seen))
    if "applications" in keys:
        return list(serve_config(document, "Ray Serve", seen))
    if "model_loading_config" in keys:
        return [llm_config(document, "Ray Serve")]
    if _is_mapping_or_none(document, "resources") and is_task(document):
        return list(task_servers(document, seen, given))
    return mapping_without_kind(document, own_name)


def _is_mapping_or_none(document: Node, key: str) -> bool:
    node = document.get(key)
    return node is None or node.table is not None


def _unread(title: str, document: Node, what: str) -> list[DeclaredServer]:
    return [DeclaredServer(name=title, place=document.place, words=(), not_read=what)]


def _bytes(path: Path, name: str) -> bytes:
    try:
        if name == "<stdin>":
            return sys.stdin.buffer.read(LARGEST_BYTES + 1)
        with path.open("rb") as stream:
            return stream.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from None


def _reject_templates(data: bytes, name: str) -> None:
    pattern = _HELM_ALONE if b"serving.kserve.io" in data else _HELM
    pattern = _HELM_OF_VALUES if b"LLMInferenceServiceConfig" in data else pattern
    for number, line in enumerate(data.splitlines(), 1) if b"{{" in data else ():
        if pattern.search(line) and not line.lstrip().startswith(b"#"):
            raise Place(name, number).fault(
                "a Helm template: render it first, for example `helm template ... | costmeter check --file -`"
            )
