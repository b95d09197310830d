"""What a text or a YAML mapping is that starts no server by itself, and how to check what it stands for."""

from __future__ import annotations

import re

from vllm_costmeter.sources.manifests.yaml_tree import Node

_RENDER = "render the chart first: `helm template ... -f FILE | costmeter check --file -`"
_COMMAND = "check its command: `costmeter check -- vllm serve ...`"
MODEL_FILE = "a model's file: `costmeter check MODEL --gpu NAME`"
_BY_NAME: tuple[tuple[str, str], ...] = (
    (r"(.*\.)?(dockerfile|containerfile)(\..*)?", f"a Dockerfile: {_COMMAND}"),
    (r"\.env|.*\.env", "a file of variables: check the file that uses it"),
    (r".*\.(nomad|hcl|tf|tfvars)", f"a file in HCL: {_COMMAND}"),
    (r".*\.(md|rst|txt|adoc)", f"a text: {_COMMAND}"),
    (r".*\.py|.*\.ipynb", f"a Python program: {_COMMAND}"),
    (r".*\.toml|.*\.ini|.*\.cfg|.*\.conf", f"a file of settings: {_COMMAND}"),
    (r"makefile|justfile|.*\.mk", f"a file of recipes: {_COMMAND}"),
    (r".*\.nix", f"a Nix expression: {_COMMAND}"),
    (r".*\.(json|jsonl|safetensors|gguf)", MODEL_FILE),
    (
        r".*\.(tpl|j2|jinja2?|gotmpl|jsonnet|libsonnet|cue)",
        "a template: render it first, then check the result",
    ),
)
_VALUES_KEYS = frozenset(
    """
    replicaCount nameOverride fullnameOverride imagePullSecrets podAnnotations serviceAccount autoscaling
    modelArtifacts modelService decode prefill routing catalog resourceProfiles modelServers vllm inference
    inferencePool inferenceExtension global ingress podSecurityContext nodeSelector tolerations image
    """.split()  # noqa: SIM905 - keys of charts
)
_BY_KEYS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"type", "commands"}), "a configuration of dstack"),
    (frozenset({"docker_server", "base_image"}), "a configuration of Truss"),
    (frozenset({"backend", "resources", "slurm"}), "a recipe of srt-slurm"),
)
"""Keys that only one tool's files have together."""
_FLAG = re.compile(
    r"(max|tensor|gpu|kv|served|dtype|enable|trust|data|pipeline|quantization|port|host)([-_]\w+)*"
)


def named_text(name: str) -> str | None:
    """What a file is by its name; None for a name that may be any deployment's."""
    folded = name.casefold()
    return next((what for pattern, what in _BY_NAME if re.fullmatch(pattern, folded)), None)


def mapping_without_kind(document: Node, name: str) -> str:
    """What a mapping is that is neither a Kubernetes object nor a Compose file."""
    keys = set(document.keys)
    folded = name.casefold()
    if folded in ("chart.yaml", "chart.yml") or keys >= {"apiVersion", "name", "version"}:
        return f"a chart's description; {_RENDER}"
    if "values" in folded or len(keys & _VALUES_KEYS) > 1:
        return f"looks like a values file of Helm: {_RENDER}"
    if folded.startswith("kustomization") or _is_kustomization(document):
        return "looks like a Kustomize file: `kustomize build . | costmeter check --file -`"
    if "jobs" in keys and ("on" in keys or "true" in keys):
        return f"looks like a workflow of GitHub Actions: {_COMMAND}"
    if "model" in keys and all(_FLAG.fullmatch(key) for key in keys - {"model", "revision", "tokenizer"}):
        return "looks like a configuration of vllm serve: `costmeter check --config FILE`"
    if "architectures" in keys or "model_type" in keys:
        return "looks like a model's config.json: `costmeter check FILE --gpu NAME`"
    for needed, tool in _BY_KEYS:
        if keys >= needed:
            return f"looks like {tool}: {_COMMAND}"
    return f"neither a Kubernetes object (kind) nor a Compose file (services): {_COMMAND}"


def _is_kustomization(document: Node) -> bool:
    """Whether it lists the paths of what Kustomize puts together; `resources` of others are a mapping."""
    listed = [(document.table or {}).get(key) for key in ("resources", "bases", "components", "patches")]
    generators = {"configMapGenerator", "secretGenerator", "patchesStrategicMerge", "namePrefix"}
    return bool(generators & set(document.keys)) or any(
        node is not None and node.items and (node.items[0].text is not None or "path" in node.items[0].keys)
        for node in listed
    )


def list_of_what(document: Node) -> str:
    """What a text is whose outermost value is no mapping."""
    first = document.items[0] if document.items else None
    if first is not None and {"hosts", "tasks", "roles", "import_playbook"} & set(first.keys):
        return f"looks like a playbook of Ansible: {_COMMAND}"
    return f"must be a mapping: a Kubernetes object or a Compose file; {_COMMAND}"
