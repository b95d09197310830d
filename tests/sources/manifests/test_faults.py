"""Deployment files that cannot be meant: one line each, with file and line; and nothing hostile costs more."""

from __future__ import annotations

import contextlib
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifests import only, pod

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.sources.manifests.read import servers_in, servers_of
from vllm_costmeter.sources.manifests.server import settled_words


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "deploy.yaml: is empty"),
        ("---\n---\n", "deploy.yaml: is empty"),
        ("- a\n", "deploy.yaml:1: must be a mapping"),
        ("a: b\n", "deploy.yaml:1: neither a Kubernetes object"),
        ("a: [\n", "deploy.yaml:2: is not valid YAML"),
        ("a: *b\n", "deploy.yaml:1: is not valid YAML"),
        ("kind: Pod\nspec: 3\n", "deploy.yaml:2: this must be a mapping"),
        ("kind: Pod\n", "deploy.yaml:1: Pod: spec is missing"),
        ("kind: Deployment\nspec: {template: {}}\n", "spec.template.spec is missing"),
        ("kind: Pod\nspec: {}\n", "containers is missing"),
        ("kind: Pod\nspec:\n  containers: x\n", "deploy.yaml:3: containers must be a list"),
        ("kind: Service\n", "deploy.yaml: no container starts `vllm serve`"),
        (pod("image: nginx\n"), "among Pod p, container c"),
        (pod("command: [vllm, serve, {a: b}]\n"), "deploy.yaml:6: an item of command must be a string"),
        (
            pod("command: [vllm, serve, m]\nresources: {limits: {nvidia.com/gpu: two}}\n"),
            "deploy.yaml:7: nvidia.com/gpu",
        ),
        ("kind: Pod\nmetadata: {name: {{ .Values.name }}}\n", "deploy.yaml:2: a Helm template"),
        ("kind: Pod\n{{- if .Values.on }}\n", "deploy.yaml:2: a Helm template"),
        ("services: {a: {image: vllm, gpus: some}}\n", "must be a whole number or all"),
        (
            "kind: InferenceService\nspec: {predictor: {model: {modelFormat: {name: vLLM}}}}\n",
            "storageUri or",
        ),
    ],
)
def test_a_faulty_file_is_one_line_with_its_place(text: str, says: str) -> None:
    """What is missing, of the wrong type, empty or a template: file and line where there is one."""
    with pytest.raises(BadInputError) as caught:
        servers_of(text.encode(), "deploy.yaml")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_texts_of_an_alert_are_no_helm_template() -> None:
    """A PrometheusRule beside a pod is another object: what it says of `$labels` and `$value` is Prometheus's."""
    rule = """\
        apiVersion: monitoring.coreos.com/v1
        kind: PrometheusRule
        spec: {groups: [{name: vllm, rules: [{alert: A, annotations: {summary: "{{ $labels.pod }} {{$value}}"}}]}]}
        ---
        """
    server = pod("command: [vllm, serve, m]\nresources: {limits: {nvidia.com/gpu: 1}}\n")
    assert [found.name for found in servers_of((textwrap.dedent(rule) + server).encode(), "deploy.yaml")] == [
        "Pod p, container c"
    ]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("[vllm, serve, '${MODEL}']", "${MODEL} is a placeholder for the model"),
        ("[vllm, serve, '$(MODEL)']", "$(MODEL) is a placeholder for the model"),
        ("[vllm, serve, '<your-model>']", "<your-model> is a placeholder"),
        ("[vllm, serve, m, --max_model_len, $LEN]", "$LEN is a placeholder for --max-model-len"),
        ("[vllm, serve, m, '-tp=$TP']", "$TP is a placeholder for -tp"),
    ],
)
def test_placeholders_that_decide_are_refused(command: str, says: str) -> None:
    """With file and line, and what to do."""
    with pytest.raises(BadInputError) as caught:
        settled_words(only(pod(f"command: {command}\n")))
    assert says in str(caught.value)
    assert str(caught.value).startswith("deploy.yaml:6: Pod p, container c: ")


def test_placeholders_that_decide_nothing_are_left() -> None:
    """A port, a name or a key may come at run time."""
    settled_words(only(pod("command: [vllm, serve, m, --port, $PORT, --served-model-name, a, $NAME]\n")))


def test_an_alias_bomb_is_bounded() -> None:
    """Nine levels of nine aliases would be 387 million values."""
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10))
    with pytest.raises(BadInputError, match="more than 50000 values"):
        servers_of(f"kind: Pod\nl0: &l0 [a, a]\n{levels}\n".encode(), "x")


def test_deep_nesting_is_one_line() -> None:
    """A thousand brackets are no deployment."""
    with pytest.raises(BadInputError):
        servers_of(b"a: " + b"[" * 5000, "x")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The path, and why."""
    with pytest.raises(BadInputError, match="does not exist"):
        servers_in(tmp_path / "none.yaml")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_file_never_escapes_as_another_error(data: st.DataObject) -> None:
    """Characters changed anywhere in a manifest."""
    text = list(pod("command: [sh, -c, 'vllm serve m']\nresources: {limits: {nvidia.com/gpu: 2}}\n"))
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.characters(codec="utf-8"))
    with contextlib.suppress(BadInputError, NotUnderstoodError):
        for server in servers_of("".join(text).encode(), "x"):
            settled_words(server)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_file_or_one_line(data: bytes) -> None:
    """Whatever is handed to --file."""
    with contextlib.suppress(BadInputError):
        servers_of(data, "x")
