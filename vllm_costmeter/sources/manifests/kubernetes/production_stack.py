"""vLLM's production stack (VLLMRuntime, the chart's values) and vLLM's own chart -> the servers that they start.

The words are those of helm/templates/deployment-vllm-multi.yaml and operator/internal/controller (0.1.9, read
2026-11); of vLLM's chart, examples/online_serving/chart-helm.
"""

from __future__ import annotations

from collections.abc import Iterator

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.whole_number import whole_number
from vllm_costmeter.sources.manifests.containers import started_by
from vllm_costmeter.sources.manifests.gpus.labels import node_gpus
from vllm_costmeter.sources.manifests.gpus.resources import Asked, asked_of
from vllm_costmeter.sources.manifests.kubernetes.flag_words import flag_words, model_words
from vllm_costmeter.sources.manifests.kubernetes.kinds import count_of
from vllm_costmeter.sources.manifests.kubernetes.pods import labels_of_terms, with_gpus, words_of
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.yaml_tree import Node

_SETTINGS = (
    ("maxModelLen", "max-model-len"),
    ("dtype", "dtype"),
    ("tensorParallelSize", "tensor-parallel-size"),
    ("pipelineParallelSize", "pipeline-parallel-size"),
    ("maxNumSeqs", "max-num-seqs"),
    ("gpuMemoryUtilization", "gpu-memory-utilization"),
    ("maxLoras", "max-loras"),
    ("runner", "runner"),
    ("convert", "convert"),
)


def vllm_runtime(document: Node, owner: str, seen: list[str]) -> Iterator[DeclaredServer]:
    """The operator's VLLMRuntime."""
    model = document.get("spec", "model")
    url = model.get("modelURL") if model is not None else None
    if model is None or url is None:
        raise document.place.fault(f"{owner}: spec.model.modelURL is missing")
    seen.append(owner)
    settings = document.get("spec", "vllmConfig")
    words = [*model_words(url), *_words(model), *(_words(settings) if settings is not None else [])]
    image = document.get("spec", "deploymentConfig", "image", "name")
    server = DeclaredServer(
        name=owner, place=url.place, words=tuple(words), image=image.text if image is not None else None
    )
    gpu = document.get("spec", "deploymentConfig", "resources", "gpu")
    asked = Asked(count_of(gpu, "gpu"), gpu.place.line, "nvidia") if gpu is not None else None
    yield with_gpus(server, asked, node_gpus([]))


def stack_values(document: Node, seen: list[str]) -> Iterator[DeclaredServer]:
    """The values of the production stack's chart: one server per `servingEngineSpec.modelSpec`."""
    models = document.get("servingEngineSpec", "modelSpec")
    for number, each in enumerate(models.sequence("modelSpec") if models is not None else ()):
        name, url = each.get("name"), each.get("modelURL")
        title = f"modelSpec {name.text if name is not None and name.text else number}"
        seen.append(title)
        if url is None:
            raise each.place.fault(f"{title}: modelURL is missing")
        settings, lora = each.get("vllmConfig"), each.get("enableLoRA")
        words = [*model_words(url), *(_words(settings) if settings is not None else [])]
        words += [Word("--enable-lora", lora.place.line)] if lora is not None and lora.text == "true" else []
        repository, tag = each.get("repository"), each.get("tag")
        image = None if repository is None else f"{repository.text}:{tag.text if tag is not None else ''}"
        server = DeclaredServer(name=title, place=each.place, words=tuple(words), image=image)
        terms = each.get("nodeSelectorTerms")
        server = with_gpus(
            server, _asked(each), node_gpus(labels_of_terms(terms) if terms is not None else [])
        )
        yield replace(server, gpus=None) if each.get("raySpec") is not None else server


def _words(settings: Node) -> list[Word]:
    words = []
    for key, flag in _SETTINGS:
        value = settings.get(key)
        words += (
            [Word(f"--{flag}", value.place.line), Word(value.text or "", value.text_line)] if value else []
        )
    for key, flag in (
        ("enableChunkedPrefill", "enable-chunked-prefill"),
        ("enablePrefixCaching", "enable-prefix-caching"),
    ):
        value = settings.get(key)
        words += flag_words(flag, value) if value is not None and value.kind == "bool" else []
    lora = settings.get("enableLoRA")
    words += [Word("--enable-lora", lora.place.line)] if lora is not None and lora.text == "true" else []
    return [*words, *words_of(settings, "extraArgs")]


def _asked(spec: Node) -> Asked | None:
    found = asked_of(spec)
    count, kind = spec.get("requestGPU"), spec.get("requestGPUType")
    if found is not None or count is None:
        return found
    name = kind.text if kind is not None and kind.text else "nvidia.com/gpu"
    profile = name.partition("mig-")[2] or None
    if not whole_number((count.text or "").strip()):
        what = f"requestGPU {count.text or ''} gives it no whole GPU"
        return Asked(0, count.place.line, other=what)
    number = count_of(count, "requestGPU")
    if name.startswith("amd.com/"):
        return Asked(number, count.place.line, "amd")
    return Asked(number, count.place.line, "nvidia", mig_profile=profile)


def chart_values(document: Node, seen: list[str]) -> Iterator[DeclaredServer]:
    """The values of vLLM's own chart: `image.command`, `resources` and `gpuModels`."""
    image, models = document.get("image"), document.get("gpuModels")
    if image is None:
        return
    repository, tag = image.get("repository"), image.get("tag")
    name = None if repository is None else f"{repository.text}:{tag.text if tag is not None else ''}"
    title = "values of vLLM's chart"
    seen.append(title)
    asked = asked_of(document)
    start = started_by(name, words_of(image, "command"), [], {}, has_gpu=asked is not None)
    place = (image.get("command") or image).place
    if start.more:
        fault = f"its command starts {len(start.each)} servers: check each, as in `costmeter check -- vllm serve ...`"
        yield DeclaredServer(name=title, place=place, words=(), not_read=fault)
        return
    server = DeclaredServer(
        name=title, place=place, words=start.words or (), not_read=start.not_read, image=name
    )
    if start.words is None and start.not_read is None:
        return
    labels = [
        ("nvidia.com/gpu.product", each.text or "")
        for each in (models.sequence("gpuModels") if models is not None else ())
    ]
    yield with_gpus(server, asked, node_gpus(labels)) if start.words is not None else server
