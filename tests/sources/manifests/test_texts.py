"""What is said of files that are no deployment files, and of those that say too little."""

from __future__ import annotations

import pytest
from manifests import only, pod

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.manifests.read import servers_of
from vllm_costmeter.sources.manifests.server import settled_words

COMMAND = "check its command: `costmeter check -- vllm serve ...`"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("resources: [a.yaml, ../base]\n", "looks like a Kustomize file"),
        ("patches: [{path: a.yaml}]\n", "looks like a Kustomize file"),
        ("configMapGenerator: [{name: a}]\n", "looks like a Kustomize file"),
        ("type: service\ncommands: [vllm serve m]\nresources: {gpu: L4}\n", f"dstack: {COMMAND}"),
        (
            "base_image: {image: v}\ndocker_server: {a: b}\nresources: {accelerator: L4}\n",
            f"Truss: {COMMAND}",
        ),
        ("backend: {type: vllm}\nslurm: {}\nresources: {gpu_type: h100}\n", f"srt-slurm: {COMMAND}"),
        ("scenario: [{name: gpu}]\n", f"nor a Compose file (services): {COMMAND}"),
        ("a: b\nresources: {gpu: 1}\n", f"nor a Compose file (services): {COMMAND}"),
        ("- hosts: gpu\n  tasks: []\n", f"Ansible: {COMMAND}"),
        ("- a\n", f"must be a mapping: a Kubernetes object or a Compose file; {COMMAND}"),
    ],
)
def test_each_text_says_what_to_do(text: str, says: str) -> None:
    """Only what lists files is Kustomize's; another tool's file, and one of no tool, names the way to check it."""
    with pytest.raises(BadInputError) as caught:
        servers_of(text.encode(), "deploy.yaml")
    assert says in str(caught.value)


def test_a_configuration_of_kserve_is_no_helm_template() -> None:
    """Its `{{- if .Spec.Parallelism }}` is KServe's; alone it starts nothing, and the line says which objects do."""
    config = """\
        apiVersion: serving.kserve.io/v1alpha2
        kind: LLMInferenceServiceConfig
        metadata: {name: base}
        spec:
          template:
            containers:
            - name: main
              command: [bash, -c]
              args:
              - |
                vllm serve /mnt/models {{ .Spec.Model.Name }} {{ shutdown .Spec.Template 15 }}
                {{- if .Spec.Parallelism.Tensor }} -tp {{ .Spec.Parallelism.Tensor }}{{- end }}
    """
    with pytest.raises(BadInputError, match="check the LLMInferenceServices whose baseRefs name it"):
        only(config)
    with pytest.raises(BadInputError, match="a Helm template"):
        only(config.replace(".Spec.Model.Name", ".Values.name"))


@pytest.mark.parametrize(
    ("container", "says"),
    [
        ("args: [--model, o/m]\n", "the file names no image, so what its arguments start"),
        ("", "the file names neither its image nor a command"),
        ("image: team/llm:3\nargs: [--model, o/m]\n", "has GPUs and arguments without a command"),
    ],
)
def test_what_is_missing_of_a_container_is_named(container: str, says: str) -> None:
    """Arguments in the file are never called no command, and a missing image is said to be missing."""
    server = only(pod(f"{container}resources: {{limits: {{nvidia.com/gpu: 1}}}}\n"))
    assert says in (server.not_read or "")


def test_a_required_variable_is_said_to_be_unset() -> None:
    """`${UTIL:?set it}` of Compose is one placeholder, whatever its text holds."""
    command = "--model o/m --gpu-memory-utilization ${UTIL:?set it} --port ${PORT?}"
    server = only(f"services: {{a: {{image: vllm/vllm-openai, command: '{command}'}}}}\n")
    with pytest.raises(BadInputError, match=r"\$UTIL is required and not set, .*--set UTIL=VALUE"):
        settled_words(server)
