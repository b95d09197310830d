"""KServe's InferenceService with its ServingRuntime -> the vLLM server of the predictor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.sources.manifests.beside import files_of
from vllm_costmeter.sources.manifests.containers import Started, started_by
from vllm_costmeter.sources.manifests.gpus.labels import node_gpus
from vllm_costmeter.sources.manifests.gpus.resources import asked_of
from vllm_costmeter.sources.manifests.kubernetes.flag_words import flag_words, model_words
from vllm_costmeter.sources.manifests.kubernetes.kinds import Pod, count_of
from vllm_costmeter.sources.manifests.kubernetes.pods import (
    environment,
    expanded,
    image_of,
    node_labels,
    on_machine,
    server_of,
    servers_of_pod,
    with_gpus,
    with_start,
    words_of,
)
from vllm_costmeter.sources.manifests.place import Place, Word
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.yaml_tree import Node

RUNTIMES = ("ServingRuntime", "ClusterServingRuntime")
BUILT_IN = "kserve-huggingfaceserver"
"""KServe's own runtime for the format huggingface; `-multinode` runs it over several pods."""
_MODEL_FOLDER = "/mnt/models"
_OWN = ("--model_name", "--model_dir", "--model_id", "--model_revision", "--backend", "--task")
"""Flags of KServe's Hugging Face server, which passes every other flag to vLLM
(kserve/python/huggingfaceserver/__main__.py)."""


def inference_service(
    document: Node, owner: str, name: str, runtimes: Mapping[str, Node], seen: list[str]
) -> Iterator[DeclaredServer]:
    """The server of `spec.predictor`: containers of its own, or a model with a runtime of this file or KServe's own."""
    predictor = document.get("spec", "predictor")
    if predictor is None:
        raise document.place.fault(f"{owner}: spec.predictor is missing")
    model = predictor.get("model")
    if predictor.get("containers") is not None:
        yield from servers_of_pod(Pod(owner, predictor), seen)
    elif model is None:
        raise predictor.place.fault(f"{owner}: containers is missing")
    if model is None:
        return
    title = f"{owner}, predictor model"
    seen.append(title)
    form = model.get("modelFormat", "name")
    kind = form.string("modelFormat.name").casefold() if form is not None else ""
    asked = model.get("runtime") or predictor.get("runtime")
    runtime = runtimes.get(asked.text or "") if asked is not None else _for_format(kind, runtimes)
    if runtime is not None:
        yield from _with_runtime(predictor, model, runtime, title, name)
        return
    start = _without_runtime(model, kind, asked)
    sizes, pods = _over_pods(predictor)
    if start.words is not None:
        start = replace(start, words=(*start.words, *sizes))
    found = server_of(model, title, start, list(node_labels(predictor)), pods=pods)
    if found is not None:
        if asked is not None and not (asked.text or "").startswith(BUILT_IN) and found.not_read is None:
            note = f"ServingRuntime {asked.text} is not in the file: its own flags are not counted"
            found = replace(found, notes=(*found.notes, note))
        yield found


def _for_format(kind: str, runtimes: Mapping[str, Node]) -> Node | None:
    """The first runtime of the file that takes the format by itself."""
    for runtime in runtimes.values():
        formats = runtime.get("spec", "supportedModelFormats")
        for each in formats.sequence("supportedModelFormats") if formats is not None else ():
            name = each.get("name")
            if name is not None and (name.text or "").casefold() == kind:
                return runtime
    return None


def _with_runtime(
    predictor: Node, model: Node, runtime: Node, title: str, name: str
) -> Iterator[DeclaredServer]:
    """The runtime's container with the service's arguments behind its own, and its model at /mnt/models."""
    spec = runtime.get("spec")
    containers = spec.get("containers") if spec is not None else None
    every = containers.sequence("containers") if containers is not None else ()
    container = next(
        (each for each in every if (each.get("name") or each).text == "kserve-container"),
        every[0] if every else None,
    )
    if container is None or spec is None:
        return
    variables = {**environment(container), **environment(model)}
    arguments = [*words_of(container, "args"), *words_of(model, "args")]
    start = started_by(
        image_of(model) or image_of(container),
        _filled(words_of(model, "command") or words_of(container, "command"), model, name),
        _filled(expanded(arguments, variables), model, name),
        variables,
        has_gpu=(asked_of(model) or asked_of(container)) is not None,
        files={**files_of(container), **files_of(model)},
    )
    anchor = model.get("args") or model
    labels = [*node_labels(spec), *node_labels(predictor)]
    asked = asked_of(model) or asked_of(container)
    pods = _over_pods(predictor)[1]
    for number, each in enumerate(start.each, 1):
        own = title if not start.more else f"{title}, server {number}"
        if each.not_read is not None:
            yield DeclaredServer(name=own, place=anchor.place, words=(), not_read=each.not_read)
        elif each.words is not None:
            image = image_of(model) or image_of(container)
            server = DeclaredServer(name=own, place=anchor.place, words=each.words, image=image)
            server = with_gpus(server, asked, node_gpus(labels), pods=pods)
            yield on_machine(with_start(server, each, pods=pods), asked, title, each.stage)


def _over_pods(predictor: Node) -> tuple[list[Word], int]:
    """Parallel sizes of `workerSpec`, and the number of pods of one replica: one per pipeline stage."""
    words, pods = [], 1
    worker = predictor.get("workerSpec")
    for key, flag in (
        ("pipelineParallelSize", "pipeline-parallel-size"),
        ("tensorParallelSize", "tensor-parallel-size"),
    ):
        size = worker.get(key) if worker is not None else None
        if size is not None:
            words += flag_words(flag, size)
            pods = count_of(size, key) if key == "pipelineParallelSize" else pods
    return words, pods


def _filled(words: Sequence[Word], model: Node, name: str) -> list[Word]:
    """The words with KServe's `{{.Name}}` and the folder into which it puts the model filled in."""
    source = model.get("storageUri")
    named = model_words(source)[0].text if source is not None else None
    filled = []
    for word in words:
        text = re.sub(r"\{\{-?\s*\.Name\s*-?\}\}", name, word.text)
        if named is not None:
            text = re.sub(rf"(?<![\w/]){_MODEL_FOLDER}/?(?![\w/])", lambda _: named, text)
        filled.append(Word(text, word.line))
    return filled


def _without_runtime(model: Node, kind: str, asked: Node | None) -> Started:
    """Words of `predictor.model` for KServe's own server, or for a runtime that stands elsewhere."""
    if kind not in ("huggingface", "vllm"):
        if asked is not None and "vllm" in (asked.text or "").casefold():
            return Started(not_read=f"ServingRuntime {asked.text} is not in the file: give both in one file")
        return Started()
    given = expanded(words_of(model, "args"), environment(model))
    texts = [part for word in given for part in word.text.split("=", 1)]
    if "huggingface" in [value for flag, value in pairwise(texts) if flag == "--backend"]:
        return Started()  # Transformers serves it, not vLLM
    source = model.get("storageUri")
    path = model.get("storage", "path")
    words = model_words(source) if source is not None else []
    if source is None and path is not None:
        words = [Word(path.string("storage.path"), path.text_line)]
    pending = iter(given)
    for word in pending:
        name, equals, value = word.text.partition("=")
        if name.replace("-", "_").replace("__", "--", 1) not in _OWN:
            words.append(word)
            continue
        own = Word(value, word.line) if equals else next(pending, Word("", word.line))
        if name.endswith(("model_id", "model-id")):
            words[:1] = [own] if words and not words[0].text.startswith("-") else [own, *words[:1]]
        elif name.endswith(("model_revision", "model-revision")):
            words += [Word("--revision", own.line), own]
    if not words or words[0].text.startswith("-"):
        raise model.place.fault("storageUri or --model_id is missing, which names the model")
    return Started(tuple(words))


def unused_runtime(document: Node, owner: str) -> DeclaredServer:
    """A runtime for whose format no InferenceService of the file names a model."""
    fault = "it serves the models that InferenceServices name, and none of this file uses it: give both in one file"
    return DeclaredServer(
        name=owner, place=Place(document.place.file, document.place.line), words=(), not_read=fault
    )
