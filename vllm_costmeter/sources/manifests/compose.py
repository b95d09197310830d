"""Compose files -> the vLLM servers that their services start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial

from vllm_costmeter.sources.manifests.compose_project import Project, environment_of
from vllm_costmeter.sources.manifests.containers import Started, started_by
from vllm_costmeter.sources.manifests.gpus.devices import EVERY, listed_devices, visible_devices
from vllm_costmeter.sources.manifests.place import Place, Word
from vllm_costmeter.sources.manifests.quoting import split_words
from vllm_costmeter.sources.manifests.server import APART, DeclaredServer, each_or_fault
from vllm_costmeter.sources.manifests.stages import staged
from vllm_costmeter.sources.manifests.unread_values import default_notes
from vllm_costmeter.sources.manifests.yaml_tree import Node


def compose_servers(
    document: Node, seen: list[str], given: Mapping[str, str] | None = None
) -> Iterator[DeclaredServer]:
    """The servers of one Compose file; names of other services are added to `seen`.

    Variables get the values that Compose gives them: `given`, this process's environment, the .env beside the file,
    the default in the file (`${MODEL:-org/name}`); one without remains a placeholder.
    """
    project = Project(document, given or {})
    names = project.names()
    for name, service in names.items():
        read = partial(_service, project, name, service, seen)
        yield from read() if len(names) == 1 else each_or_fault(read, f"service {name}", service.place)
    for node in project.not_read():
        fault = (
            "it includes another file: `docker compose config | costmeter check --file -` reads them together"
        )
        yield DeclaredServer(name="include", place=node.place, words=(), not_read=fault)


def _service(project: Project, name: str, own: Node, seen: list[str]) -> Iterator[DeclaredServer]:
    service = project.extended(own)
    title = f"service {name}"
    seen.append(title)
    asked = _gpus(project, service)
    start = _started(project, service, None if asked is None else asked[0])
    for number, each in enumerate(start.each, 1):
        if each.words is not None or each.not_read is not None:
            yield _server(project, service, f"{title}, server {number}" if start.more else title, each, asked)


def _server(
    project: Project, service: Node, title: str, start: Started, asked: tuple[int | None, int] | None
) -> DeclaredServer:
    anchor = service.get("command") or service
    line = start.words[0].line if start.words else anchor.place.line
    gpus, gpus_line, gpus_from = (
        (asked[0], asked[1], "the file") if asked is not None else (None, None, "the file")
    )
    if start.gpus is not None and (gpus is None or start.gpus < gpus):
        gpus, gpus_line, gpus_from = start.gpus, start.gpus_line, start.gpus_from
    return DeclaredServer(
        name=title,
        place=Place(anchor.place.file, line),
        words=start.words or (),
        not_read=start.not_read,
        gpus=gpus,
        gpus_line=gpus_line,
        gpus_from=gpus_from,
        image=_image(project, service),
        machine=staged(_machine(project, service, anchor.place.file), start.stage),
        devices=visible_devices(_devices(project, service), start.environment),
        environment=start.environment,
        files=start.files,
        paths=project.mounts(service),
        notes=(*_notes_on_defaults(project, service), *project.notes()),
    )


def _notes_on_defaults(project: Project, service: Node) -> tuple[str, ...]:
    sources = project.files_unread(service.get("env_file"))
    if not sources:
        return ()
    texts = [word.text for key in ("entrypoint", "command") for word in _words(project, service, key)]
    texts += [file.text.text for file in project.files(service).values()]
    return default_notes(texts, environment_of(project, service), sources)


def _started(project: Project, service: Node, gpus: int | None) -> Started:
    return started_by(
        _image(project, service),
        _words(project, service, "entrypoint"),
        _words(project, service, "command"),
        environment_of(project, service),
        has_gpu=_devices(project, service) is not None,
        files=project.files(service),
        gpus=gpus,
    )


def _machine(project: Project, service: Node, file: str) -> str:
    """Services of one profile start together, and with those of none; of other profiles, perhaps never."""
    profiles = service.get("profiles")
    names = [project.text(each.text or "") for each in profiles.items or ()] if profiles is not None else []
    return APART.join([file, *([",".join(names)] if names else [])])


def _image(project: Project, service: Node) -> str | None:
    image = service.get("image")
    return None if image is None else project.text(image.string("image"))


def _words(project: Project, service: Node, key: str) -> list[Word]:
    """Compose splits a string like a shell, without running one."""
    node = service.get(key)
    if node is None:
        return []
    if node.text is not None:
        return split_words(project.text(node.text), node.text_line)
    return [
        Word(project.text(item.string(f"an item of {key}")), item.text_line) for item in node.sequence(key)
    ]


def _gpus(project: Project, service: Node) -> tuple[int | None, int] | None:
    """(number, line) of reserved GPUs; None as the number for all of the machine's, None if the file reserves none."""
    short = service.get("gpus")
    if short is not None and short.text is not None:
        return _count(project, short)
    devices = short or service.get("deploy", "resources", "reservations", "devices")
    for device in devices.sequence("devices") if devices is not None else ():
        count, identifiers = device.get("count"), device.get("device_ids")
        if identifiers is not None:
            return len(_listed(project, identifiers)), identifiers.place.line
        if count is not None:
            return _count(project, count)
        if short is not None or device.get("capabilities") is not None:
            return None, device.place.line
    return None


def _devices(project: Project, service: Node) -> tuple[str, ...] | None:
    """The GPUs that Docker gives the service: those listed, or the first of the machine; None without any."""
    runtime = service.get("runtime")
    asked = _gpus(project, service)
    if asked is None:
        named = listed_devices(environment_of(project, service).get("NVIDIA_VISIBLE_DEVICES"))
        return None if runtime is None or runtime.text != "nvidia" else named or EVERY
    devices = service.get("gpus") or service.get("deploy", "resources", "reservations", "devices")
    for device in devices.items or () if devices is not None else ():
        identifiers = device.get("device_ids")
        if identifiers is not None:
            return listed_devices(",".join(_listed(project, identifiers))) or EVERY
    return EVERY if asked[0] is None else EVERY[: asked[0]]


def _listed(project: Project, identifiers: Node) -> list[str]:
    """One per item, or several in one string: `["0,1"]`."""
    texts = [project.text(item.string("device_ids")) for item in identifiers.sequence("device_ids")]
    parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    return list(dict.fromkeys(parts))


def _count(project: Project, node: Node) -> tuple[int | None, int]:
    text = project.text(node.string("count")).strip()
    if text in ("all", "-1"):
        return None, node.place.line
    if not re.fullmatch(r"\d{1,5}", text) or int(text) < 1:
        raise node.place.fault(f"the number of GPUs must be a whole number or all, got {text[:40]!r}")
    return int(text), node.place.line
