"""Defaults of variables that a source which is not read may set: a note names the source."""

from __future__ import annotations

from pathlib import Path

import pytest
from manifests import only, pod, words

from vllm_costmeter.sources.manifests.read import servers_in, servers_of

SCRIPT = "vllm serve ${MODEL:-o/m} --max-model-len ${LENGTH:-4096}"
POD = f"command: [bash, -c, '{SCRIPT}']\n"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{configMapRef: {name: elsewhere}}", "ConfigMap elsewhere"),
        ("{secretRef: {name: keys}}", "Secret keys"),
    ],
)
def test_defaults_beside_a_source_of_a_pod_are_said(source: str, says: str) -> None:
    """`envFrom` a ConfigMap that is not in the file, or a Secret, may set what has a default here."""
    server = only(pod(f"{POD}envFrom: [{source}]\n"))
    assert words(server) == "o/m --max-model-len 4096"
    assert server.notes == (
        f"{says}: not read, so the defaults of MODEL, LENGTH count here, and model, flags and length may differ: "
        "--set MODEL=VALUE gives one",
    )


def test_what_is_known_needs_no_note() -> None:
    """A ConfigMap of the file, a variable with a value, and a command without defaults depend on nothing unread."""
    reference = "envFrom: [{configMapRef: {name: here}}]\n"
    config_map = "kind: ConfigMap\nmetadata: {name: here}\ndata: {LENGTH: '8192'}\n"
    server = only(f"{config_map}---\n{pod(POD + reference)}")
    assert (words(server), server.notes) == ("o/m --max-model-len 8192", ())
    secret = "envFrom: [{secretRef: {name: keys}}]\n"
    assert only(pod(f"command: [vllm, serve, o/m]\n{secret}")).notes == ()
    set_ = "env: [{name: MODEL, value: o/n}, {name: LENGTH, value: '1024'}]\n"
    assert only(pod(f"{POD}{secret}{set_}")).notes == ()


def test_defaults_beside_an_environment_file_of_a_unit_are_said() -> None:
    """EnvironmentFile is of the machine that the unit runs on; values given by hand go before it."""
    unit = f"[Service]\nEnvironmentFile=-/etc/vllm.env\nExecStart=/bin/bash -c 'exec {SCRIPT}'\n".encode()
    (server,) = servers_of(unit, "vllm.service")
    assert server.notes[0].startswith(
        "EnvironmentFile /etc/vllm.env: not read, so the defaults of MODEL, LENGTH"
    )
    (server,) = servers_of(unit, "vllm.service", {"MODEL": "o/n", "LENGTH": "1024"})
    assert server.notes == ()


def test_defaults_beside_a_missing_env_file_are_said(tmp_path: Path) -> None:
    """One that Compose may do without counts once it is there."""
    file = tmp_path / "compose.yaml"
    service = f"entrypoint: [bash, -c]\n    command: ['{SCRIPT.replace('$', '$$')}']"
    env_file = "env_file: [{path: vllm.env, required: false}]"
    file.write_text(f"services:\n  a:\n    image: vllm\n    {service}\n    {env_file}\n")
    (server,) = servers_in(file)
    assert server.notes[0].startswith("env_file vllm.env: not read, so the defaults of MODEL, LENGTH count")
    (tmp_path / "vllm.env").write_text("MODEL=o/n\nLENGTH=1024\n")
    (server,) = servers_in(file)
    assert (words(server), server.notes) == ("o/n --max-model-len 1024", ())
