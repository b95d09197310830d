"""One pod -> the vLLM servers that its containers start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.sources.manifests.beside import files_of
from vllm_costmeter.sources.manifests.containers import Started, started_by
from vllm_costmeter.sources.manifests.gpus.devices import EVERY, visible_devices
from vllm_costmeter.sources.manifests.gpus.labels import READ_LABELS, NodeGpus, node_gpus
from vllm_costmeter.sources.manifests.gpus.resources import Asked, asked_of
from vllm_costmeter.sources.manifests.kubernetes.kinds import Pod
from vllm_costmeter.sources.manifests.place import Place, Word
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.stages import staged
from vllm_costmeter.sources.manifests.unread_values import default_notes, unread_sources
from vllm_costmeter.sources.manifests.yaml_tree import Node

_REFERENCE = re.compile(r"(\$)?\$\(([A-Za-z_][\w.-]*)\)")


def servers_of_pod(pod: Pod, seen: list[str]) -> Iterator[DeclaredServer]:
    """The servers of a pod's containers, in order; the title of every container is added to `seen`."""
    containers = pod.spec.get("containers")
    if containers is None:
        raise pod.spec.place.fault(f"{pod.owner}: containers is missing")
    labels = [*node_labels(pod.spec), *pod.labels]
    before = pod.spec.get("initContainers")
    every = [*(before.sequence("initContainers") if before is not None else ())]
    every += containers.sequence("containers")
    shared: list[str] = []
    for number, container in enumerate(every):
        name = container.get("name")
        title = f"{pod.owner}, container {name.text if name is not None and name.text else number}"
        seen.append(title)
        asked = asked_of(container)
        for found in servers_of(
            container, title, started(container, pod.variables or {}), labels, pods=pod.pods
        ):
            if pod.is_follower and found.not_read is not None:
                continue
            if asked is not None and asked.is_shared:
                shared.append(title)
                found = replace(found, notes=(*found.notes, *_shared_note(shared)))  # noqa: PLW2901
            if container.get("resources", "claims") is not None:
                note = "its GPUs come from resource claims, which are not read: --gpu says which and how many"
                found = replace(found, notes=(*found.notes, note))  # noqa: PLW2901
            yield found


def _shared_note(titles: list[str]) -> tuple[str, ...]:
    others = [title.rpartition(", ")[2] for title in titles[:-1]]
    what = f"with {', '.join(others)} and others" if others else "with others"
    return (f"the file gives it a GPU shared {what}: what they hold is missing here (--other-processes)",)


def servers_of(
    container: Node, title: str, start: Started, labels: list[tuple[str, str]], *, pods: int = 1
) -> Iterator[DeclaredServer]:
    """The servers of a container, numbered where its script starts several."""
    for number, each in enumerate(start.each, 1):
        own = title if not start.more else f"{title}, server {number}"
        found = server_of(container, own, each, labels, pods=pods)
        if found is not None:
            yield _as_it_runs(container, found, title, each.stage)


def _as_it_runs(container: Node, server: DeclaredServer, title: str, stage: int) -> DeclaredServer:
    """The server with notes on values that are not read, and with the GPUs that it takes: those of its container, or of
    its pod where nobody keeps the GPUs of one container from the others. Claims do not say how many they are."""
    server = replace(server, notes=(*server.notes, *_notes_on_defaults(container)))
    if container.get("resources", "claims") is not None:
        return server
    return on_machine(server, asked_of(container), title, stage)


def on_machine(server: DeclaredServer, asked: Asked | None, title: str, stage: int) -> DeclaredServer:
    """The server among those of its container, `title`, that run in the same stage of its script."""
    file, pod = server.place.file, title.rpartition(", ")[0]
    machine = f"{file}, {pod}" if asked is None else f"{file}, {title}"
    given = None if asked is None else EVERY[: asked.count]
    return replace(server, machine=staged(machine, stage), devices=visible_devices(given, server.environment))


def _notes_on_defaults(container: Node) -> tuple[str, ...]:
    sources = unread_sources(container)
    if not sources:
        return ()
    texts = [word.text for key in ("command", "args") for word in words_of(container, key)]
    texts += [file.text.text for file in files_of(container).values()]
    return default_notes(texts, environment(container), sources)


def server_of(
    container: Node, title: str, start: Started, labels: list[tuple[str, str]], *, pods: int = 1
) -> DeclaredServer | None:
    """The server of a container with its GPUs, or that it could not be read; None if it starts none."""
    anchor = container.get("args") or container.get("command") or container
    if start.not_read is not None:
        return DeclaredServer(name=title, place=anchor.place, words=(), not_read=start.not_read)
    if start.words is None:
        return None
    words = start.words
    found = with_gpus(
        DeclaredServer(
            name=title,
            place=Place(anchor.place.file, words[0].line if words else anchor.place.line),
            words=words,
            image=image_of(container),
        ),
        asked_of(container),
        node_gpus(labels),
        pods=pods,
    )
    return with_start(found, start, pods=pods)


def with_start(server: DeclaredServer, start: Started, *, pods: int = 1) -> DeclaredServer:
    """The server with its environment and files, and the GPUs that its own command leaves it."""
    server = replace(server, environment=start.environment, files=start.files)
    if start.gpus is None or (server.gpus is not None and server.gpus <= start.gpus * pods):
        return server
    return replace(server, gpus=start.gpus * pods, gpus_line=start.gpus_line, gpus_from=start.gpus_from)


def with_gpus(
    server: DeclaredServer, asked: Asked | None, node: NodeGpus, *, pods: int = 1
) -> DeclaredServer:
    """The server with what its resources and its node's labels say of the GPUs."""
    if asked is not None and asked.other is not None:
        fault = f"{asked.other}: the memory rules are known for NVIDIA's and AMD's GPUs"
        return replace(server, words=(), not_read=fault)
    return replace(
        server,
        gpus=asked.count * pods if asked is not None else None,
        gpus_line=asked.line if asked is not None else None,
        gpu_names=node.names,
        gpu_fault=node.fault,
        gpu_vendor=asked.vendor if asked is not None else None,
        mig_profile=(asked.mig_profile if asked is not None else None) or node.mig_profile,
    )


def started(container: Node, given: Mapping[str, str]) -> Started:
    """What a container starts by its command, its arguments or its image."""
    variables = {**given, **environment(container)}
    asked = asked_of(container)
    return started_by(
        image_of(container),
        expanded(words_of(container, "command"), variables),
        expanded(words_of(container, "args"), variables),
        variables,
        has_gpu=asked is not None,
        files=files_of(container),
        gpus=None if asked is None else asked.count,
    )


def image_of(container: Node) -> str | None:
    """The container's image, as written."""
    image = container.get("image")
    return None if image is None else image.string("image")


def words_of(container: Node, key: str) -> list[Word]:
    """The items of `command` or `args`."""
    node = container.get(key)
    if node is None:
        return []
    return [Word(item.string(f"an item of {key}"), item.text_line) for item in node.sequence(key)]


def expanded(words: list[Word], variables: Mapping[str, str]) -> list[Word]:
    """`$(NAME)` as Kubernetes expands it in command and args; unchanged without a value."""
    return [replace(word, text=_put_in(word.text, variables)) for word in words]


def _put_in(text: str, variables: Mapping[str, str]) -> str:
    """`$$(NAME)` is `$(NAME)` itself."""
    return _REFERENCE.sub(lambda match: match[0][1:] if match[1] else variables.get(match[2], match[0]), text)


def environment(container: Node, key: str = "env") -> dict[str, str]:
    """Variables with a value in the file."""
    found: dict[str, str] = {}
    entries = container.get(key)
    for entry in entries.sequence(key) if entries is not None else ():
        name, value = entry.get("name"), entry.get("value")
        if name is not None and value is not None:
            text = value.string("a value of env")
            found[name.string("a name of env")] = _put_in(text, found)
    return found


def node_labels(spec: Node) -> Iterator[tuple[str, str]]:
    """Labels required of the pod's node, by nodeSelector and required affinity."""
    selector = spec.get("nodeSelector")
    for key, value in selector.mapping("nodeSelector").items() if selector is not None else ():
        yield key, value.string(f"nodeSelector {key}")
    required = spec.get("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = required.get("nodeSelectorTerms") if required is not None else None
    if terms is not None:
        yield from labels_of_terms(terms)


def labels_of_terms(terms: Node) -> Iterator[tuple[str, str]]:
    """Labels that `nodeSelectorTerms` list as allowed."""
    for term in terms.sequence("nodeSelectorTerms"):
        expressions = term.get("matchExpressions")
        for expression in expressions.sequence("matchExpressions") if expressions is not None else ():
            label, operator, values = (
                expression.get("key"),
                expression.get("operator"),
                expression.get("values"),
            )
            if label is None or values is None or (operator is not None and operator.text != "In"):
                continue
            if label.text in READ_LABELS:
                for value in values.sequence("values"):
                    yield label.text, value.string("values")
