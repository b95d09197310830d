"""KServe's LLMInferenceService -> the vLLM servers that its controller starts.

The controller's own templates start `vllm serve /mnt/models` with the parallel sizes of `spec.parallelism` and the
words of VLLM_ADDITIONAL_ARGS (kserve/config/llmisvcconfig, 0.15 to 0.18, read 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.sources.manifests.gpus.labels import node_gpus
from vllm_costmeter.sources.manifests.gpus.resources import asked_of
from vllm_costmeter.sources.manifests.interpolation import expand
from vllm_costmeter.sources.manifests.kubernetes.flag_words import flag_words, model_words
from vllm_costmeter.sources.manifests.kubernetes.kinds import count_of
from vllm_costmeter.sources.manifests.kubernetes.pods import (
    environment,
    expanded,
    image_of,
    node_labels,
    started,
    with_gpus,
    with_start,
    words_of,
)
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.manifests.quoting import split_words
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.yaml_tree import Node

_FLAGS = (
    ("tensor", "tensor-parallel-size"),
    ("pipeline", "pipeline-parallel-size"),
    ("data", "data-parallel-size"),
    ("dataLocal", "data-parallel-size-local"),
)


def llm_inference_service(document: Node, owner: str, seen: list[str]) -> Iterator[DeclaredServer]:
    """The server of `spec.template`, and that of `spec.prefill` where prefill runs apart."""
    spec = document.get("spec")
    uri = document.get("spec", "model", "uri")
    if spec is None or uri is None:
        raise document.place.fault(f"{owner}: spec.model.uri is missing")
    notes = _of_bases(spec)
    yield replace(_server(spec, uri, owner, seen), notes=notes)
    prefill = spec.get("prefill")
    if prefill is not None:
        yield replace(_server(prefill, uri, f"{owner}, prefill", seen), notes=notes)


def _of_bases(spec: Node) -> tuple[str, ...]:
    """What `baseRefs` merge into the service: flags that stand elsewhere."""
    bases = spec.get("baseRefs")
    names = [each.get("name") for each in (bases.sequence("baseRefs") if bases is not None else ())]
    listed = ", ".join(name.text or "" for name in names if name is not None)
    return (
        (f"LLMInferenceServiceConfig {listed} is not read: its own flags are not counted",) if listed else ()
    )


def _server(part: Node, uri: Node, owner: str, seen: list[str]) -> DeclaredServer:
    template = part.get("template")
    containers = template.get("containers") if template is not None else None
    every = containers.sequence("containers") if containers is not None else ()
    main = next(
        (each for each in every if (each.get("name") or each).text == "main"), every[0] if every else None
    )
    title = f"{owner}, container main"
    seen.append(title)
    server = DeclaredServer(
        name=title,
        place=(main or uri).place,
        words=_words(part, main, uri),
        image=image_of(main) if main else None,
    )
    if main is not None and main.get("command") is not None:
        start = started(main, {})
        if start.more:
            fault = f"its command starts {len(start.each)} servers, of which one has the model of this object"
            return replace(server, words=(), not_read=fault)
        if start.words is None:
            fault = start.not_read or "its command starts no server that could be read"
            return replace(server, words=(), not_read=fault)
        server = with_start(replace(server, words=_with_model(start.words, uri)), start)
    asked = asked_of(main) if main is not None else None
    labels = list(node_labels(template)) if template is not None else []
    return with_gpus(server, asked, node_gpus(labels), pods=_pods(part))


def _words(part: Node, main: Node | None, uri: Node) -> tuple[Word, ...]:
    """What the controller's template makes of the object."""
    words = model_words(uri)
    sizes = part.get("parallelism")
    for key, flag in _FLAGS:
        size = sizes.get(key) if sizes is not None else None
        words += flag_words(flag, size) if size is not None else []
    expert = sizes.get("expert") if sizes is not None else None
    words += flag_words("enable-expert-parallel", expert) if expert is not None else []
    if main is None:
        return tuple(words)
    variables = environment(main)
    more = variables.get("VLLM_ADDITIONAL_ARGS")
    if more is not None:
        line = (main.get("env") or main).place.line
        words += [replace(word, line=line) for word in split_words(expand(more, variables))]
    return (*words, *expanded(words_of(main, "args"), variables))


def _with_model(words: tuple[Word, ...], uri: Node) -> tuple[Word, ...]:
    """The controller puts the model into /mnt/models."""
    named = model_words(uri)[0].text
    return tuple(Word(named, word.line) if word.text.rstrip("/") == "/mnt/models" else word for word in words)


def _pods(part: Node) -> int:
    """Pods of one replica: with `worker`, one per pipeline stage or per `dataLocal` ranks."""
    sizes = part.get("parallelism")
    if part.get("worker") is None or sizes is None:
        return 1
    pipeline, data, local = (sizes.get(key) for key in ("pipeline", "data", "dataLocal"))
    if data is not None and local is not None:
        return max(count_of(data, "data") // count_of(local, "dataLocal"), 1)
    return count_of(pipeline, "pipeline") if pipeline is not None else 1
