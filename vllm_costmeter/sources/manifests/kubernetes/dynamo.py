"""NVIDIA Dynamo's DynamoGraphDeployment -> the vLLM workers of its services."""

from __future__ import annotations

from collections.abc import Iterator

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.sources.manifests.beside import files_of
from vllm_costmeter.sources.manifests.containers import started_by
from vllm_costmeter.sources.manifests.gpus.labels import node_gpus
from vllm_costmeter.sources.manifests.gpus.resources import Asked, asked_among, asked_of
from vllm_costmeter.sources.manifests.kubernetes.kinds import Pod, count_of, pods_of
from vllm_costmeter.sources.manifests.kubernetes.pods import (
    environment,
    expanded,
    image_of,
    node_labels,
    on_machine,
    servers_of_pod,
    with_gpus,
    with_start,
    words_of,
)
from vllm_costmeter.sources.manifests.place import Place, Word
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.yaml_tree import Node


def dynamo_graph(document: Node, owner: str, seen: list[str]) -> Iterator[DeclaredServer]:
    """The workers of `spec.services` (v1alpha1) or `spec.components` (v1beta1), and of one component deployment."""
    services = document.get("spec", "services")
    shared = {**environment(document.get("spec") or document, "envs")}
    if services is not None:
        for name, service in services.mapping("services").items():
            yield from _worker(service, f"{owner}, {name}", shared, seen)
    elif document.get("spec", "extraPodSpec") is not None:
        yield from _worker(document.get("spec") or document, owner, shared, seen)
    else:
        components = document.get("spec", "components")
        for each in components.sequence("components") if components is not None else (document,):
            own, nodes = each.get("name"), each.get("multinode", "nodeCount")
            title = owner if own is None else f"{owner}, {own.text}"
            pods = count_of(nodes, "nodeCount") if nodes is not None else 1
            for pod in pods_of(each, "", title):
                yield from servers_of_pod(replace(pod, pods=pods), seen)


def _worker(service: Node, title: str, shared: dict[str, str], seen: list[str]) -> Iterator[DeclaredServer]:
    pod = service.get("extraPodSpec")
    main = pod.get("mainContainer") if pod is not None else None
    seen.append(title)
    if pod is None or main is None:
        return
    if pod.get("containers") is not None:
        yield from servers_of_pod(Pod(title, pod), seen)
    variables = {**shared, **environment(service, "envs"), **environment(main)}
    command, arguments = words_of(main, "command"), words_of(main, "args")
    if not command and arguments:  # the operator runs the arguments as one line of a shell
        line = arguments[0].line
        command = [Word("/bin/sh", line), Word("-c", line)]
        arguments = [Word(" ".join(word.text for word in arguments), line)]
    asked = asked_of(main) or _asked(service)
    start = started_by(
        image_of(main),
        expanded(command, variables),
        expanded(arguments, variables),
        variables,
        has_gpu=asked is not None,
        files=files_of(main),
    )
    anchor = main.get("args") or main.get("command") or main
    nodes = service.get("multinode", "nodeCount")
    pods = count_of(nodes, "nodeCount") if nodes is not None else 1
    for number, each in enumerate(start.each, 1):
        own = title if not start.more else f"{title}, server {number}"
        if each.not_read is not None:
            yield DeclaredServer(name=own, place=anchor.place, words=(), not_read=each.not_read)
        elif each.words is not None:
            place = Place(anchor.place.file, each.words[0].line if each.words else anchor.place.line)
            server = DeclaredServer(name=own, place=place, words=each.words, image=image_of(main))
            server = with_gpus(server, asked, node_gpus(node_labels(pod)), pods=pods)
            yield on_machine(with_start(server, each, pods=pods), asked, title, each.stage)


def _asked(service: Node) -> Asked | None:
    """Dynamo writes `gpu: "2"` without the resource's name, another's as `gpuType` or `custom`, or all as `device`."""
    device = service.get("device", "resources")
    if device is not None:
        return asked_among(device.mapping("device.resources"))
    for section in ("limits", "requests"):
        table = service.get("resources", section)
        if table is None:
            continue
        entries = dict((table.get("custom") or table).table or {})
        count, kind = table.get("gpu"), table.get("gpuType")
        if count is not None:
            entries[kind.text if kind is not None and kind.text else "nvidia.com/gpu"] = count
        found = asked_among({key: value for key, value in entries.items() if "/" in key})
        if found is not None:
            return found
    return None
