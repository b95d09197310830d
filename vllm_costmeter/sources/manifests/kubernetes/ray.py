"""Ray Serve LLM applications (RayService, serve config) -> the vLLM engines of their `llm_configs`.

`engine_kwargs` are vLLM's engine arguments by their Python names (ray/llm/_internal/serve, Ray 2.43 to 2.55).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vllm_costmeter.sources.manifests.gpus.labels import NodeGpus, named_gpus
from vllm_costmeter.sources.manifests.kubernetes.flag_words import flag_words
from vllm_costmeter.sources.manifests.kubernetes.kinds import mentions_a_server, pods_of
from vllm_costmeter.sources.manifests.kubernetes.pods import servers_of_pod, with_gpus
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.yaml_tree import Node, documents
from vllm_costmeter.sources.shell.started import run_command, servers_started

_ENGINES = re.compile(r"(llm|prefill|decode)_configs?")


def ray_object(document: Node, kind: str, owner: str, seen: list[str]) -> Iterator[DeclaredServer]:
    """A RayService's applications, a RayJob's entry point, or a server that the head of the cluster starts."""
    found = []
    for pod in pods_of(document, kind, owner):
        found += list(servers_of_pod(pod, seen))
    text, entry = document.get("spec", "serveConfigV2"), document.get("spec", "entrypoint")
    if text is not None:
        for config in documents((text.text or "").encode(), text.place.file, text.text_line - 1):
            found += list(serve_config(config, owner, seen)) if config.table is not None else []
    elif entry is not None:
        line = entry.text_line
        ran = run_command([Word("sh", line), Word("-c", line), Word(entry.text or "", line)], {})
        for server in servers_started(ran):
            title = f"{owner}, entrypoint"
            found.append(
                DeclaredServer(
                    title, entry.place, server.words, environment=server.environment, files=server.files
                )
            )
    yield from found
    if not found and (kind != "RayCluster" or mentions_a_server(document)):
        fault = "the code that it runs is not in the file: check its command, as in `costmeter check -- vllm serve ...`"
        yield DeclaredServer(name=owner, place=document.place, words=(), not_read=fault)


def serve_config(config: Node, owner: str, seen: list[str]) -> Iterator[DeclaredServer]:
    """The servers of `applications`; one without `llm_configs` runs code that is not in the file."""
    applications = config.get("applications")
    for number, each in enumerate(applications.sequence("applications") if applications is not None else ()):
        name = each.get("name")
        title = f"{owner}, application {name.text if name is not None and name.text else number}"
        args = each.get("args")
        configs = list(_configs(args)) if args is not None else []
        for config_ in configs:
            yield llm_config(config_, title)
        if not configs:
            path = each.get("import_path")
            fault = f"it imports {path.text if path is not None else 'code'}, which is not in the file"
            yield DeclaredServer(name=title, place=each.place, words=(), not_read=fault)


def _configs(node: Node) -> Iterator[Node]:
    """What describes an engine, wherever it stands: mappings with `model_loading_config`, and every item of
    `llm_configs`, `prefill_config` and `decode_config`, which may be the path of a file."""
    if node.table is not None:
        if "model_loading_config" in node.table:
            yield node
            return
        for key, value in node.table.items():
            if _ENGINES.fullmatch(key):
                yield from value.items if value.items is not None else (value,)
            else:
                yield from _configs(value)
    for item in node.items or ():
        yield from _configs(item)


def llm_config(config: Node, owner: str) -> DeclaredServer:
    """The engine of one configuration. One in a file of its own, or without a model, is said to be not read."""
    loading = config.get("model_loading_config") if config.table is not None else None
    if loading is None:
        fault = "it has no model_loading_config, which names the model"
        if config.text is not None:
            fault = (
                f"its configuration is in {config.text:.80}: check that file, as in `costmeter check FILE`"
            )
        return DeclaredServer(
            name=f"{owner}, {(config.text or 'model ?')[:80]}", place=config.place, words=(), not_read=fault
        )
    name, source = loading.get("model_id"), loading.get("model_source")
    title = f"{owner}, model {name.text if name is not None and name.text else '?'}"
    model = source if source is not None else name
    engine, kwargs = config.get("llm_engine"), config.get("engine_kwargs")
    words: list[Word] = []
    for key, value in kwargs.mapping("engine_kwargs").items() if kwargs is not None else ():
        if key == "model":
            model = value
        elif key != "hf_token":
            words += flag_words(key, value)
    not_read = None
    if engine is not None and (engine.text or "").casefold() != "vllm":
        not_read = f"llm_engine {engine.text} is not vLLM"
    elif model is None or model.text is None:
        not_read = "its model is not named by a folder or a Hub id"
    if not_read is not None or model is None:
        return DeclaredServer(name=title, place=config.place, words=(), not_read=not_read)
    place = kwargs.place if kwargs is not None else config.place
    kind = config.get("accelerator_type")
    node = named_gpus(kind.text) if kind is not None and kind.text else NodeGpus()
    server = DeclaredServer(name=title, place=place, words=(Word(model.text or "", model.text_line), *words))
    return with_gpus(server, None, node)
