"""Kubernetes manifests -> the vLLM servers that their containers start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from vllm_costmeter.sources.manifests.gpus import GPU_LABELS, INSTANCE_LABELS, gpus_of
from vllm_costmeter.sources.manifests.kinds import (
    GPU_RESOURCES,
    NEVER_A_SERVER,
    OTHER_STARTERS,
    Pod,
    count_of,
    mentions_a_server,
    pods_of,
)
from vllm_costmeter.sources.manifests.place import Place, Word
from vllm_costmeter.sources.manifests.server import DeclaredServer, server_words
from vllm_costmeter.sources.manifests.yaml_tree import Node

_REFERENCE = re.compile(r"\$\(([A-Za-z_]\w*)\)")
_OWN_OF_KSERVE = ("--model_name", "--model_dir", "--model_id", "--model_revision", "--backend", "--task")
"""Flags of KServe's Hugging Face server, which passes every other flag to vLLM
(kserve/python/huggingfaceserver/__main__.py)."""


def kubernetes_servers(document: Node, seen: list[str]) -> Iterator[DeclaredServer]:
    """The servers of one object (or of the objects of a List); names of other containers are added to `seen`."""
    kind = document.get("kind")
    if kind is None:
        return
    if kind.string("kind") == "List" and (items := document.get("items")) is not None:
        for item in items.sequence("items"):
            yield from kubernetes_servers(item, seen)
        return
    name = document.get("metadata", "name") or document.get("metadata", "generateName")
    owner = f"{kind.text} {name.text}" if name is not None and name.text else f"{kind.text}"
    if kind.text in OTHER_STARTERS:
        yield _not_read(document, owner)
        return
    pods = list(pods_of(document, kind.text or "", owner))
    if not pods and kind.text not in NEVER_A_SERVER and mentions_a_server(document):
        yield _not_read(document, owner)
    for pod in pods:
        yield from _servers_of_pod(pod, seen)


def _not_read(document: Node, owner: str) -> DeclaredServer:
    fault = "this kind of object is not read: check its command, as in `costmeter check -- vllm serve ...`"
    return DeclaredServer(name=owner, place=document.place, words=(), not_read=fault)


def _servers_of_pod(pod: Pod, seen: list[str]) -> Iterator[DeclaredServer]:
    labels = list(_labels(pod.spec))
    containers = pod.spec.get("containers")
    model = pod.spec.get("model")
    if containers is None and model is None:
        raise pod.spec.place.fault(f"{pod.owner}: containers is missing")
    for number, container in enumerate(containers.sequence("containers") if containers is not None else ()):
        name = container.get("name")
        title = f"{pod.owner}, container {name.text if name is not None and name.text else number}"
        seen.append(title)
        yield from _server(pod, container, title, _container_words(container, pod.variables or {}), labels)
    if model is not None:
        yield from _server(pod, model, f"{pod.owner}, predictor model", _kserve_words(model), labels)


def _server(
    pod: Pod, container: Node, title: str, words: tuple[Word, ...] | None, labels: list[tuple[str, str]]
) -> Iterator[DeclaredServer]:
    if words is None:
        return
    gpus = _gpus(container)
    names, fault = gpus_of(labels)
    anchor = container.get("args") or container.get("command") or container
    yield DeclaredServer(
        name=title,
        place=Place(anchor.place.file, words[0].line if words else anchor.place.line),
        words=words,
        gpus=gpus[0] * pod.pods if gpus else None,
        gpus_line=gpus[1] if gpus else None,
        gpu_names=names,
        image=_image(container),
        gpu_fault=fault,
    )


def _image(container: Node) -> str | None:
    image = container.get("image")
    return None if image is None else image.string("image")


def _container_words(container: Node, given: Mapping[str, str]) -> tuple[Word, ...] | None:
    variables = {**given, **_environment(container)}
    command = [_expanded(word, variables) for word in _words(container, "command")]
    arguments = [_expanded(word, variables) for word in _words(container, "args")]
    found = server_words([*command, *arguments], variables)
    if found is not None or command:
        return found
    if "vllm" not in (_image(container) or ""):
        return None
    if arguments and arguments[0].text == "serve":
        arguments = arguments[1:]
    starts_other = bool(arguments) and re.fullmatch(r"(/.*/)?(ba|da)?sh|python[\d.]*|vllm", arguments[0].text)
    return None if starts_other else tuple(arguments)


def _backend(words: list[Word]) -> str | None:
    """`--backend` of KServe's Hugging Face server; vLLM's where it can by default."""
    texts = [part for word in words for part in word.text.split("=", 1)]
    return next((value for flag, value in pairwise(texts) if flag == "--backend"), None)


def _kserve_words(model: Node) -> tuple[Word, ...] | None:
    """Words of `predictor.model` in the formats that vLLM serves; None for another format (sklearn, onnx)."""
    form = model.get("modelFormat", "name")
    if form is None or form.string("modelFormat.name").casefold() not in ("huggingface", "vllm"):
        return None
    given = [_expanded(word, _environment(model)) for word in _words(model, "args")]
    if _backend(given) == "huggingface":
        return None  # Transformers serves it, not vLLM
    source = model.get("storageUri") or model.get("storage", "path")
    named: Word | None = None
    if source is not None:
        uri = source.string("storageUri")
        named = Word(uri.removeprefix("hf://"), source.place.line)
    words: list[Word] = []
    pending = iter(given)
    for word in pending:
        name, equals, value = word.text.partition("=")
        if name.replace("-", "_").replace("__", "--", 1) not in _OWN_OF_KSERVE:
            words.append(word)
            continue
        own = Word(value, word.line) if equals else next(pending, Word("", word.line))
        if name.endswith(("model_id", "model-id")):
            named = own
        elif name.endswith(("model_revision", "model-revision")):
            words += [Word("--revision", own.line), own]
    if named is None:
        raise model.place.fault("storageUri or --model_id is missing, which names the model")
    return (named, *words)


def _words(container: Node, key: str) -> list[Word]:
    node = container.get(key)
    if node is None:
        return []
    return [Word(item.string(f"an item of {key}"), item.text_line) for item in node.sequence(key)]


def _expanded(word: Word, variables: Mapping[str, str]) -> Word:
    """`$(NAME)` as Kubernetes expands it in command and args; unchanged without a value."""
    return Word(_REFERENCE.sub(lambda match: variables.get(match[1], match[0]), word.text), word.line)


def _environment(container: Node) -> dict[str, str]:
    """Variables with a value in the file."""
    found: dict[str, str] = {}
    entries = container.get("env")
    for entry in entries.sequence("env") if entries is not None else ():
        name, value = entry.get("name"), entry.get("value")
        if name is not None and value is not None:
            text = value.string("a value of env")
            found[name.string("a name of env")] = _REFERENCE.sub(lambda m: found.get(m[1], m[0]), text)
    return found


def _gpus(container: Node) -> tuple[int, int] | None:
    """(number, line) of the container's GPUs."""
    for section in ("limits", "requests"):
        table = container.get("resources", section)
        for key, value in table.mapping(f"resources.{section}").items() if table is not None else ():
            if key in GPU_RESOURCES or key.startswith("nvidia.com/mig-"):
                return count_of(value, key), value.place.line
    return None


def _labels(spec: Node) -> Iterator[tuple[str, str]]:
    """Labels required of the pod's node, by nodeSelector and required affinity."""
    selector = spec.get("nodeSelector")
    for key, value in selector.mapping("nodeSelector").items() if selector is not None else ():
        yield key, value.string(f"nodeSelector {key}")
    required = spec.get("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = required.get("nodeSelectorTerms") if required is not None else None
    for term in terms.sequence("nodeSelectorTerms") if terms is not None else ():
        expressions = term.get("matchExpressions")
        for expression in expressions.sequence("matchExpressions") if expressions is not None else ():
            label, operator, values = (
                expression.get("key"),
                expression.get("operator"),
                expression.get("values"),
            )
            if label is None or values is None or (operator is not None and operator.text != "In"):
                continue
            if label.text in GPU_LABELS or label.text in INSTANCE_LABELS:
                for value in values.sequence("values"):
                    yield label.text, value.string("values")
