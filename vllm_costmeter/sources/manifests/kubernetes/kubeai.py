"""KubeAI's Model -> the vLLM server that its controller starts (internal/modelcontroller/engine_vllm.go)."""

from __future__ import annotations

from collections.abc import Iterator

from vllm_costmeter.core.whole_number import whole_number
from vllm_costmeter.sources.manifests.gpus.labels import NodeGpus, named_gpus
from vllm_costmeter.sources.manifests.gpus.resources import Asked
from vllm_costmeter.sources.manifests.kubernetes.flag_words import model_words
from vllm_costmeter.sources.manifests.kubernetes.pods import image_of, with_gpus, words_of
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.yaml_tree import Node


def kubeai_model(document: Node, owner: str, seen: list[str]) -> Iterator[DeclaredServer]:
    """The server of a Model whose engine is VLLM; `resourceProfile: nvidia-gpu-l4:2` are two L4s."""
    engine, url = document.get("spec", "engine"), document.get("spec", "url")
    seen.append(owner)
    spec = document.get("spec")
    if spec is None or engine is None or engine.text != "VLLM":
        return
    if url is None:
        raise document.place.fault(f"{owner}: spec.url is missing")
    words = (*model_words(url), *words_of(spec, "args"))
    anchor = spec.get("args") or url
    server = DeclaredServer(name=owner, place=anchor.place, words=words, image=image_of(spec))
    profile = spec.get("resourceProfile")
    if profile is None or profile.text is None:
        yield server
        return
    name, _, count = profile.text.partition(":")
    number = 1 if (said := whole_number(count)) is None else said
    line = profile.place.line
    if name.startswith("nvidia-gpu-"):
        gpus = named_gpus(name.removeprefix("nvidia-gpu-"))
        yield with_gpus(server, Asked(number, line, "nvidia"), gpus)
    elif name.startswith("amd-gpu-"):
        yield with_gpus(server, Asked(number, line, "amd"), named_gpus(name.removeprefix("amd-gpu-")))
    elif name.startswith(("cpu", "google-tpu")):
        yield with_gpus(server, Asked(number, line, other=f"profile {name} has no GPU"), NodeGpus())
    else:
        fault = f"resourceProfile {name:.40} is defined in KubeAI's settings"
        yield with_gpus(server, None, NodeGpus(fault=fault))
