"""One Kubernetes object -> the vLLM servers that it starts, by the reader of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.sources.manifests.kubernetes.kinds import (
    HINTS,
    NEVER_A_SERVER,
    mentions_a_server,
    pods_of,
)
from vllm_costmeter.sources.manifests.kubernetes.operators import patched_servers, started_by_operator
from vllm_costmeter.sources.manifests.kubernetes.pods import servers_of_pod
from vllm_costmeter.sources.manifests.server import DeclaredServer, each_or_fault
from vllm_costmeter.sources.manifests.yaml_tree import Node

_KSERVE = ("serving.kserve.io", "serving.kubeflow.org")
RUNTIMES = ("ServingRuntime", "ClusterServingRuntime")
_READERS: Mapping[str, tuple[str, str]] = {
    "LLMInferenceService": ("llm_inference_service", "llm_inference_service"),
    "DynamoGraphDeployment": ("dynamo", "dynamo_graph"),
    "DynamoComponentDeployment": ("dynamo", "dynamo_graph"),
    "VLLMRuntime": ("production_stack", "vllm_runtime"),
}
"""Kinds with fields of their own: the module and its function."""


_CLASS_LABEL = "cloud.google.com/compute-class"


@dataclass(frozen=True, slots=True)
class Beside:
    """Objects of the file that others name."""

    runtimes: Mapping[str, Node]
    """KServe's ServingRuntimes by name."""
    classes: Mapping[str, tuple[str, ...]]
    """GPUs of GKE's ComputeClasses by name."""


def objects_of(documents: Sequence[Node]) -> Iterator[Node]:
    """Every object; those of Lists one by one."""
    for document in documents:
        kind, items = document.get("kind"), document.get("items")
        if kind is not None and kind.string("kind").endswith("List") and items is not None:
            yield from objects_of(items.sequence("items"))
        else:
            yield document


def title_of(document: Node) -> str:
    """Kind and name: "Deployment llama"."""
    kind = document.get("kind")
    name = document.get("metadata", "name") or document.get("metadata", "generateName")
    title = kind.string("kind") if kind is not None else ""
    return f"{title} {name.text}" if name is not None and name.text else title


def kubernetes_servers(objects: Sequence[Node], seen: list[str]) -> Iterator[DeclaredServer]:
    """The servers of the objects of a file; names of other containers are added to `seen`."""
    runtimes = {
        (each.get("metadata", "name") or each).text or "": each
        for each in objects
        if (each.get("kind") or each).text in RUNTIMES
    }
    classes = dict(filter(None, map(_compute_class, objects)))
    services = [each for each in objects if (each.get("kind") or each).text == "InferenceService"]
    for each in objects:
        kind = (each.get("kind") or each).text or ""
        if kind in RUNTIMES:
            if mentions_a_server(each) and not services:
                from vllm_costmeter.sources.manifests.kubernetes.kserve import unused_runtime

                yield unused_runtime(each, title_of(each))
        elif len(objects) == 1:
            yield from _object(each, kind, Beside(runtimes, classes), seen)
        else:
            read = partial(_object, each, kind, Beside(runtimes, classes), seen)
            yield from each_or_fault(read, title_of(each), each.place)


def _compute_class(document: Node) -> tuple[str, tuple[str, ...]] | None:
    """(name, values of cloud.google.com/gke-accelerator) of GKE's ComputeClass, by `priorities[].gpu.type`."""
    if (document.get("kind") or document).text != "ComputeClass":
        return None
    name, priorities = document.get("metadata", "name"), document.get("spec", "priorities")
    rows = priorities.sequence("priorities") if priorities is not None else ()
    types = [each.get("gpu", "type") for each in rows]
    return (name.text or "" if name is not None else ""), tuple(
        each.text for each in types if each and each.text
    )


def _object(document: Node, kind: str, beside: Beside, seen: list[str]) -> Iterator[DeclaredServer]:
    owner = title_of(document)
    api = (document.get("apiVersion") or document).text or ""
    if kind == "InferenceService" and api.partition("/")[0] in ("", *_KSERVE):
        from vllm_costmeter.sources.manifests.kubernetes.kserve import inference_service

        name = (document.get("metadata", "name") or document).text or ""
        yield from inference_service(document, owner, name, beside.runtimes, seen)
    elif kind in ("RayService", "RayJob", "RayCluster"):
        from vllm_costmeter.sources.manifests.kubernetes.ray import ray_object

        yield from ray_object(document, kind, owner, seen)
    elif kind == "Model" and api.startswith("kubeai.org/"):
        from vllm_costmeter.sources.manifests.kubernetes.kubeai import kubeai_model

        yield from kubeai_model(document, owner, seen)
    elif kind in _READERS:
        module, function = _READERS[kind]
        found = import_module(f"vllm_costmeter.sources.manifests.kubernetes.{module}")
        read: Callable[[Node, str, list[str]], Iterator[DeclaredServer]] = getattr(found, function)
        yield from read(document, owner, seen)
    else:
        yield from _by_pods(document, kind, owner, beside, seen)


def _by_pods(
    document: Node, kind: str, owner: str, beside: Beside, seen: list[str]
) -> Iterator[DeclaredServer]:
    """Kinds with pod templates, wherever those stand; any other that may start a server is said to be not read."""
    pods = list(pods_of(document, kind, owner)) if kind not in HINTS else []
    by_operator = started_by_operator(document, kind) if not pods else None
    if by_operator is not None:
        fault = f"it starts {by_operator}: check the command of its pods, as in `costmeter check -- vllm serve ...`"
        yield DeclaredServer(name=owner, place=document.place, words=(), not_read=fault)
    elif not pods and kind not in NEVER_A_SERVER and mentions_a_server(document):
        yield _not_read(document, kind, owner)
    for pod in pods:
        chosen = pod.spec.get("nodeSelector")
        name = chosen.get(_CLASS_LABEL) if chosen is not None else None
        gpus = beside.classes.get(name.text or "", ()) if name is not None else ()
        labels = tuple(("cloud.google.com/gke-accelerator", each) for each in gpus)
        yield from servers_of_pod(replace(pod, labels=labels), seen)
    for patch in patched_servers(document) if pods else ():
        fault = (
            "an annotation has llm-d start a server in a second pod: "
            "check its command, as in `costmeter check -- vllm serve ...`"
        )
        yield DeclaredServer(name=f"{owner}, server-patch", place=patch.place, words=(), not_read=fault)


def _not_read(document: Node, kind: str, owner: str) -> DeclaredServer:
    fault = "this kind of object is not read: check its command, as in `costmeter check -- vllm serve ...`"
    if kind in HINTS:
        fault = f"it starts {HINTS[kind]}"
    return DeclaredServer(name=owner, place=document.place, words=(), not_read=fault)
