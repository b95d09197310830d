"""Values that stand beside a container: ConfigMaps of the same file, mounted files, and values given by hand."""

from __future__ import annotations

import textwrap

import pytest
from manifests import only, pod, read, words

from vllm_costmeter.sources.manifests.read import servers_of
from vllm_costmeter.sources.manifests.server import DeclaredServer

MAP = """\
kind: ConfigMap
metadata: {name: settings}
data:
  MODEL: org/m
  TP: "2"
  not-a.name/x: "1"
  run.sh: |
    #!/bin/bash
    exec vllm serve "$MODEL" -tp ${TP:-1}
  c.yaml: |
    model: org/m
    max-model-len: 8192
---
"""


def given(text: str, **values: str) -> DeclaredServer:
    """The one server of a file with values given by hand."""
    (server,) = servers_of(textwrap.dedent(text).encode(), "deploy.yaml", values)
    return server


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ("env: [{name: M, valueFrom: {configMapKeyRef: {name: settings, key: MODEL}}}]", "org/m"),
        ("env: [{name: M, valueFrom: {configMapKeyRef: {name: elsewhere, key: MODEL}}}]", "$(M)"),
        ("env: [{name: M, valueFrom: {secretKeyRef: {name: s, key: k}}}]", "$(M)"),
        ("env: [{name: M, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]", "$(M)"),
        ("env: [{name: X, value: org/n}, {name: M, value: $(X)}]", "org/n"),
        ("env: [{name: M, value: $$(X)}]", "$(X)"),
    ],
)
def test_a_variable_of_a_container(env: str, expected: str) -> None:
    """From a ConfigMap of the file; one that stands elsewhere remains a placeholder."""
    server = only(MAP + pod(f"command: [vllm, serve, $(M)]\n{env}\n"))
    assert words(server) == expected


def test_every_key_of_a_config_map_is_a_variable() -> None:
    """`envFrom`, with a prefix too; `env` goes before it."""
    container = 'command: [sh, -c, "vllm serve $P_MODEL -tp $TP"]\nenv: [{name: TP, value: "4"}]\n'
    source = "envFrom: [{configMapRef: {name: settings}}, {prefix: P_, configMapRef: {name: settings}}]\n"
    assert words(only(MAP + pod(container + source))) == "org/m -tp 4"


def test_a_secret_is_set_and_not_known() -> None:
    """Its default is not used, its alternative is."""
    env = "env: [{name: KEY, valueFrom: {secretKeyRef: {name: s, key: k}}}]\n"
    server = only(pod('command: [sh, -c, "vllm serve m ${KEY:+--enforce-eager} ${KEY:-no}"]\n' + env))
    assert words(server) == "m --enforce-eager $KEY"


@pytest.mark.parametrize(
    "command",
    ["[bash, /opt/run.sh]", "[/bin/sh, -c, 'cd /opt && ./run.sh']", "[sh, -c, . /opt/run.sh]"],
)
def test_a_mounted_script_is_run(command: str) -> None:
    """With the container's variables, and the lines of the ConfigMap."""
    server = only(
        MAP
        + pod(
            f"command: {command}\nenvFrom: [{{configMapRef: {{name: settings}}}}]\n"
            "volumeMounts: [{name: v, mountPath: /opt}]\n",
            "  volumes: [{name: v, configMap: {name: settings}}]\n",
        )
    )
    assert words(server) == "org/m -tp 2"
    assert server.words[0].line == 9


@pytest.mark.parametrize(
    ("mount", "volume", "path"),
    [
        ("mountPath: /etc/v", "configMap: {name: settings}", "/etc/v/c.yaml"),
        ("mountPath: /etc/v/x.yaml, subPath: c.yaml", "configMap: {name: settings}", "/etc/v/x.yaml"),
        (
            "mountPath: /e",
            "configMap: {name: settings, items: [{key: c.yaml, path: d/s.yaml}]}",
            "/e/d/s.yaml",
        ),
        ("mountPath: /e/", "projected: {sources: [{configMap: {name: settings}}]}", "/e/c.yaml"),
    ],
)
def test_mounted_texts_by_their_path(mount: str, volume: str, path: str) -> None:
    """A whole ConfigMap, one key of it, and projected ones."""
    container = f"args: [--config, {path}]\nimage: vllm/vllm-openai\nvolumeMounts: [{{name: v, {mount}}}]\n"
    server = only(MAP + pod(container, f"  volumes: [{{name: v, {volume}}}]\n"))
    assert server.files[path].text.text == "model: org/m\nmax-model-len: 8192\n"
    assert server.files[path].line == 11


def test_values_given_by_hand_go_before_the_files() -> None:
    """In $(NAME), in a script, for a Secret, in a Compose file and in a script file."""
    env = "env: [{name: A, value: file}, {name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}]\n"
    assert (
        words(given(pod(f"command: [vllm, serve, $(A), $(B), $(C)]\n{env}"), A="a", B="b", C="c")) == "a b c"
    )
    assert words(given(pod('command: [sh, -c, "vllm serve $A ${B:-x}"]\n' + env), A="a")) == "a $B"
    compose = "services: {s: {image: vllm/vllm-openai, command: '--model ${M} $$X'}}\n"
    assert words(given(compose, M="m")) == "--model m $X"
    (server,) = servers_of(b"#!/bin/sh\nvllm serve $M\n", "run.sh", {"M": "m"})
    assert words(server) == "m"


def test_a_script_that_starts_several_servers_is_several_servers() -> None:
    """Each with its own GPU and line."""
    script = "CUDA_VISIBLE_DEVICES=0 vllm serve a &\n  CUDA_VISIBLE_DEVICES=1,2 vllm serve b -tp 2 &\n  wait"
    found = read(
        pod(f"command: [sh, -c]\nargs:\n- |\n  {script}\nresources: {{limits: {{nvidia.com/gpu: 4}}}}\n")
    )
    assert [(server.name[-8:], words(server), server.gpus, server.words[0].line) for server in found] == [
        ("server 1", "a", 1, 9),
        ("server 2", "b -tp 2", 2, 10),
    ]


@pytest.mark.parametrize(
    "count",
    [
        "nvidia-smi -L | wc -l",
        "nvidia-smi --list-gpus|wc -l",
        "python3 -c 'import torch; print(torch.cuda.device_count())'",
    ],
)
def test_a_script_that_counts_its_gpus(count: str) -> None:
    """It finds those that the container is given; without a number the count stays a placeholder."""
    command = f'command: [bash, -c, "vllm serve m -tp ${{TP:-$({count})}}"]\n'
    assert words(only(pod(command + "resources: {limits: {nvidia.com/gpu: 4}}\n"))) == "m -tp 4"
    assert words(only(pod(command))) == f"m -tp $({count})"
