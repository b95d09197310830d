"""SkyPilot tasks -> the server of `run:` on each accelerator that the task allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.whole_number import whole_number
from vllm_costmeter.sources.manifests.gpus.labels import named_gpus
from vllm_costmeter.sources.manifests.hosts.commands import devices_of, server_commands
from vllm_costmeter.sources.manifests.image import release_installed
from vllm_costmeter.sources.manifests.place import Place, Word
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.stages import staged
from vllm_costmeter.sources.manifests.yaml_tree import Node


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of `accelerators`: "H100:8"."""

    name: str
    count: int
    line: int


def is_task(document: Node) -> bool:
    """Whether a mapping without a kind is a task: accelerators, or commands with resources."""
    keys = document.keys
    resources = document.get("resources") if "resources" in keys else None
    names = resources.keys if resources is not None else ()
    return any(
        key in names for key in ("accelerators", "any_of", "ordered", "instance_type", "cloud", "infra")
    ) or (
        "run" in keys and any(key in keys for key in ("setup", "num_nodes", "envs", "workdir", "file_mounts"))
    )


def task_servers(document: Node, seen: list[str], given: Mapping[str, str]) -> Iterator[DeclaredServer]:
    """One server per allowed accelerator, each with its own number of GPUs."""
    name, run = document.get("name"), document.get("run")
    title = f"SkyPilot task {name.text}" if name is not None and name.text else "SkyPilot task"
    if run is None or run.text is None:
        seen.append(title)
        return
    nodes = document.get("num_nodes")
    number = (nodes.text or "") if nodes is not None else ""
    count = 1 if (said := whole_number(number)) is None else said
    allowed = list(_choices(document.get("resources")))
    if not allowed:
        seen.append(title)
        yield from _servers(document, run, title, given)
    for choice in allowed:
        own = f"{title} on {choice.name}:{choice.count}"
        seen.append(own)
        known = {"SKYPILOT_NUM_GPUS_PER_NODE": str(choice.count), "SKYPILOT_NUM_NODES": str(count), **given}
        for server in _servers(document, run, own, known):
            yield _on(server, choice, count)


def _servers(document: Node, run: Node, title: str, given: Mapping[str, str]) -> Iterator[DeclaredServer]:
    line = run.text_line
    script = [Word("bash", line), Word("-c", line), Word(run.text or "", line)]
    every = server_commands(script, {**_variables(document), **given})
    setup = document.get("setup")
    installed = release_installed(f"{(setup.text or '') if setup is not None else ''}\n{run.text or ''}")
    for number, found in enumerate(every, 1):
        yield DeclaredServer(
            name=title if len(every) == 1 else f"{title}, server {number}",
            place=Place(run.place.file, found.words[0].line if found.words else line),
            words=found.words or (),
            not_read=found.not_read,
            image=found.image or _image(document),
            gpus=found.gpus,
            gpus_line=found.gpus_line,
            gpus_from=found.gpus_from or "the file",
            machine=staged(f"{run.place.file}, {title}", found.stage),
            devices=devices_of(found),
            environment=found.environment,
            files=found.files,
            release=installed,
        )


def _on(server: DeclaredServer, choice: Choice, nodes: int) -> DeclaredServer:
    if choice.name.casefold().startswith("tpu"):
        fault = f"{choice.name} is a TPU: the memory rules are known for NVIDIA's and AMD's GPUs"
        return replace(server, words=(), not_read=fault)
    node = named_gpus(choice.name)
    return replace(
        server,
        gpus=choice.count * nodes,
        gpus_line=choice.line,
        gpu_names=node.names,
        gpu_fault=node.fault,
    )


def _variables(document: Node) -> dict[str, str]:
    found: dict[str, str] = {}
    for key in ("envs", "secrets"):
        table = document.get(key)
        for name, value in table.mapping(key).items() if table is not None else ():
            if value.text is not None:
                found[name] = value.text
    return found


def _image(document: Node) -> str | None:
    resources = document.get("resources")
    image = resources.get("image_id") if resources is not None and resources.table is not None else None
    text = image.text if image is not None else None
    return text.removeprefix("docker:") if text is not None and text.startswith("docker:") else None


def _choices(resources: Node | None) -> Iterator[Choice]:
    if resources is None or resources.table is None:
        return
    accelerators = resources.get("accelerators")
    if accelerators is not None:
        yield from _listed(accelerators)
    for key in ("any_of", "ordered"):
        several = resources.get(key)
        for each in several.items or () if several is not None else ():
            yield from _choices(each)


def _listed(node: Node) -> Iterator[Choice]:
    """`H100:8`, a list of such, `{H100: 8}`, or the set `{L4, A100}`."""
    line = node.place.line
    if node.text is not None:
        name, _, count = node.text.partition(":")
        yield Choice(name, 1 if (said := whole_number(count)) is None else said, line)
    for item in node.items or ():
        yield from _listed(item)
    for key in node.keys:
        value = (node.table or {}).get(key)
        name, _, count = key.partition(":")
        text = value.text if value is not None and value.text is not None else count
        yield Choice(name, 1 if (said := whole_number(text)) is None else said, line)
