"""Compose files -> the vLLM servers that their services start."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vllm_costmeter.sources.manifests.containers import Started, started_by
from vllm_costmeter.sources.manifests.gpus.devices import EVERY, listed_devices, visible_devices
from vllm_costmeter.sources.manifests.image import other_device
from vllm_costmeter.sources.manifests.place import Place, Word
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.shell import commands, expand
from vllm_costmeter.sources.manifests.yaml_tree import Node

_DOLLARS = "\x00"
"""Placeholder for an escaped dollar (`$$`) while variables are replaced."""


def compose_servers(document: Node, seen: list[str]) -> Iterator[DeclaredServer]:
    """The servers of one Compose file; names of other services are added to `seen`.

    Variables get the default in the file (`${MODEL:-org/name}`); one without remains a placeholder.
    """
    services = document.get("services")
    for name, service in services.mapping("services").items() if services is not None else ():
        title = f"service {name}"
        seen.append(title)
        gpus = _gpus(service)
        start = _started(service, has_gpu=_devices(service) is not None)
        words = start.words or ()
        if start.words is None and start.not_read is None:
            continue
        anchor = service.get("command") or service
        yield DeclaredServer(
            name=title,
            place=Place(anchor.place.file, words[0].line if words else anchor.place.line),
            words=words,
            not_read=start.not_read or other_device(_image(service) or ""),
            machine=anchor.place.file,
            devices=visible_devices(_devices(service), _environment(service)),
            gpus=gpus[0] if gpus else None,
            gpus_line=gpus[1] if gpus else None,
            image=_image(service),
        )


def _started(service: Node, *, has_gpu: bool) -> Started:
    entrypoint, arguments = _words(service, "entrypoint"), _words(service, "command")
    return started_by(_image(service), entrypoint, arguments, {}, has_gpu=has_gpu)


def _environment(service: Node) -> dict[str, str]:
    """Variables with a value in the file, of a mapping or a list of NAME=VALUE."""
    node = service.get("environment")
    if node is None:
        return {}
    if node.table is not None:
        return {name: _put_in(value.text or "") for name, value in node.table.items()}
    texts = [_put_in(item.text or "") for item in node.items or ()]
    return dict(text.split("=", 1) for text in texts if "=" in text)


def _devices(service: Node) -> tuple[str, ...] | None:
    """The GPUs that Docker gives the service: those listed, or the first of the machine; None without any."""
    runtime = service.get("runtime")
    found = EVERY if runtime is not None and runtime.text == "nvidia" else None
    short = service.get("gpus")
    if short is not None and short.text is not None:
        asked = _count(short)
        return EVERY if asked is None else EVERY[: asked[0]]
    devices = short or service.get("deploy", "resources", "reservations", "devices")
    for device in devices.sequence("devices") if devices is not None else ():
        count, identifiers = device.get("count"), device.get("device_ids")
        if identifiers is not None:
            texts = [_put_in(item.text or "") for item in identifiers.sequence("device_ids")]
            return listed_devices(",".join(texts)) or EVERY
        number = _count(count) if count is not None else None
        return EVERY if number is None else EVERY[: number[0]]
    return found


def _image(service: Node) -> str | None:
    image = service.get("image")
    return None if image is None else _put_in(image.string("image"))


def _words(service: Node, key: str) -> list[Word]:
    """Compose splits a string like a shell, without running one."""
    node = service.get(key)
    if node is None:
        return []
    if node.text is not None:
        split = commands(_put_in(node.text).replace("\n", " "), {}, node.text_line)
        return [word for command in split for word in command]
    return [Word(_put_in(item.string(f"an item of {key}")), item.text_line) for item in node.sequence(key)]


def _put_in(text: str) -> str:
    return expand(text.replace("$$", _DOLLARS), {}).replace(_DOLLARS, "$")


def _gpus(service: Node) -> tuple[int, int] | None:
    """(number, line) of reserved GPUs; None if the file reserves none, or all of the machine's."""
    short = service.get("gpus")
    if short is not None and short.text is not None:
        return _count(short)
    devices = short or service.get("deploy", "resources", "reservations", "devices")
    for device in devices.sequence("devices") if devices is not None else ():
        count, identifiers = device.get("count"), device.get("device_ids")
        if identifiers is not None:
            return len(identifiers.sequence("device_ids")), identifiers.place.line
        if count is not None:
            return _count(count)
    return None


def _count(node: Node) -> tuple[int, int] | None:
    text = _put_in(node.string("count")).strip()
    if text in ("all", "-1"):
        return None
    if not re.fullmatch(r"\d{1,5}", text) or int(text) < 1:
        raise node.place.fault(f"the number of GPUs must be a whole number or all, got {text[:40]!r}")
    return int(text), node.place.line
