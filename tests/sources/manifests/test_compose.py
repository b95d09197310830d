"""Compose files with what stands beside them: .env, env_file, extends, merge keys, configs and mounted folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from manifests import only, read, words

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.manifests.interpolation import expand
from vllm_costmeter.sources.manifests.read import servers_in
from vllm_costmeter.sources.manifests.server import DeclaredServer

IMAGE = "image: vllm/vllm-openai:v0.32.0"


def beside(folder: Path, service: str, **files: str) -> DeclaredServer:
    """The server of a service `chat` with files beside the Compose file; `_` stands for a dot in their names."""
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    (folder / "compose.yaml").write_text(service)
    (server,) = servers_in(folder / "compose.yaml")
    return server


def test_the_env_file_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """.env beside the file, quotes and comments read; this process's environment goes before it, as in Compose."""
    service = f"services:\n  chat:\n    {IMAGE}\n    command: --model ${{M}} --port ${{P:-80}} $$X ${{N-}}\n"
    env = "M='org/m' # the model\nexport P=81\n"
    assert words(beside(tmp_path, service, _env=env)) == "--model org/m --port 81 $X"
    monkeypatch.setenv("P", "82")
    assert words(beside(tmp_path, service, _env=env)) == "--model org/m --port 82 $X"


def test_a_doubled_dollar_is_the_shells(tmp_path: Path) -> None:
    """`$$VAR` is expanded in the container, from `environment` and `env_file`."""
    service = (
        f"services:\n  chat:\n    {IMAGE}\n    entrypoint: [bash, -c]\n    env_file: [{{path: v.env}}, w.env]\n"
        "    environment: {TP: 2}\n    command: ['vllm serve $$M -tp $$TP --port $${P:-80}']\n"
    )
    (tmp_path / "w.env").write_text("TP=4\n")
    assert words(beside(tmp_path, service, v_env="M=org/m\nP=81\n")) == "org/m -tp 2 --port 81"


def test_an_env_file_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    """Unless it need not be."""
    service = f"services:\n  chat:\n    {IMAGE}\n    command: m\n    env_file: "
    with pytest.raises(BadInputError, match=r"compose\.yaml:5: env_file v\.env cannot be read"):
        beside(tmp_path, service + "v.env\n")
    assert words(beside(tmp_path, service + "[{path: v.env, required: false}]\n")) == "m"


def test_merge_keys_and_anchors() -> None:
    """A mapping, a list of them of which the first goes before, and own keys before both."""
    found = read(f"""
        x-a: &a
          {IMAGE}
          deploy: {{resources: {{reservations: {{devices: [{{count: 2, capabilities: [gpu]}}]}}}}}}
        x-b: &b {{image: other, command: --model b}}
        services:
          one: {{<<: *a, command: --model one}}
          two: {{<<: [*a, *b]}}
          three: {{command: --model three, <<: *a, image: 'vllm/vllm-openai:v0.20.0'}}
    """)
    assert {each.name: (words(each), each.gpus, (each.image or "")[-7:]) for each in found} == {
        "service one": ("--model one", 2, "v0.32.0"),
        "service two": ("--model b", 2, "v0.32.0"),
        "service three": ("--model three", 2, "v0.20.0"),
    }
    with pytest.raises(BadInputError, match="a merge key"):
        read("services: {one: {<<: text}}")


def test_extends_of_this_file_and_of_another(tmp_path: Path) -> None:
    """Mappings are merged, lists joined, the command replaced."""
    other = f"services:\n  base:\n    {IMAGE}\n    command: --model base\n    gpus: 2\n"
    other += "    environment: {A: 1, B: 2}\n"
    text = (
        "services:\n  chat:\n    extends: {service: mid}\n    command: --model chat\n  mid:\n"
        "    profiles: [never]\n    extends: {service: base, file: other.yaml}\n    environment: {B: 3}\n"
    )
    (tmp_path / "other.yaml").write_text(other)
    (tmp_path / "compose.yaml").write_text(text)
    chat, mid = servers_in(tmp_path / "compose.yaml")
    assert (words(chat), words(mid), chat.gpus) == ("--model chat", "--model base", 2)
    assert chat.environment == {"A": "1", "B": "3"}
    with pytest.raises(BadInputError, match="more than 10 services extend one another"):
        only("services: {a: {extends: a, image: vllm/vllm-openai}}")
    with pytest.raises(BadInputError, match="extends the service 'x', which is not there"):
        only("services: {a: {extends: {service: x}}}")


@pytest.mark.parametrize(
    ("devices", "gpus", "listed"),
    [
        ("gpus: all", None, None),
        ("gpus: 2", 2, None),
        ("gpus: [{count: 2}]", 2, None),
        ("deploy: {resources: {reservations: {devices: [{device_ids: ['0,1', '3'], capabilities: [gpu]}]}}}", 3,
         ("0", "1", "3")),
        ("deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}", None, None),
        ("{runtime: nvidia, environment: [NVIDIA_VISIBLE_DEVICES=1]}", 1, None),
        ("{gpus: all, environment: {CUDA_VISIBLE_DEVICES: '0,1'}}", 2, ("0", "1")),
    ],
)  # fmt: skip
def test_the_gpus_of_a_service(devices: str, gpus: int | None, listed: tuple[str, ...] | None) -> None:
    """Counts, identifiers of which several stand in one string, and what the environment leaves."""
    own = devices.strip("{}") if devices.startswith("{") else devices
    own = f"{own}}}" if own.count("{") > own.count("}") else own
    server = only(
        f"services: {{s: {{{IMAGE.replace('vllm-openai:v0.32.0', 'vllm-openai')}, command: m, {own}}}}}"
    )
    assert server.gpus == gpus
    assert listed is None or server.devices == listed


def test_configs_and_mounts_are_files_of_the_service(tmp_path: Path) -> None:
    """A config's own content, its file, a mounted file, and folders with models."""
    text = f"""\
configs:
  own: {{content: "max-model-len: ${{N:-8}}"}}
  file: {{file: ./c.yaml}}
services:
  chat:
    {IMAGE}
    command: --config /etc/own.yaml
    configs: [{{source: own, target: /etc/own.yaml}}, file]
    volumes: [./c.yaml:/etc/c.yaml:ro, {{type: bind, source: ./models, target: /models}}, named:/x]
"""
    server = beside(tmp_path, text, c_yaml="model: m\n")
    assert {path: file.text.text for path, file in server.files.items()} == {
        "/etc/own.yaml": "max-model-len: 8",
        "/file": "model: m\n",
        "/etc/c.yaml": "model: m\n",
    }
    assert ("/models", str(tmp_path / "models")) in server.paths


def test_an_included_file_is_said_to_be_not_read() -> None:
    """What to do instead is in the line."""
    found = read("include: [other.yaml]\nservices: {s: {image: vllm/vllm-openai, command: m}}\n")
    (fault,) = [server.not_read for server in found if server.not_read is not None]
    assert (len(found), "docker compose config" in fault) == (2, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A ${A} ${A:-x} ${A-x} ${A:+y} ${A+y}", "1 1 1 1 y y"),
        ("$N ${N} ${N:-x} ${N-x} ${N:+y}", "$N ${N} x x "),
        ("${E:-x} ${E-x} ${E:+y} ${E+y}", "x   y"),
        ("${N:-${M:-${A}}} ${N:-a b} ${A:?gone} ${N:?gone}", "1 a b 1 ${N:?}"),
        ("$$A $${A} a$ ${ ${} ${1}", "$A ${A} a$ ${ ${} ${1}"),
    ],
)
def test_variables_as_compose_puts_them_in(text: str, expected: str) -> None:
    """Defaults within defaults, alternatives and escapes; what is not set remains, without the text of `:?`."""
    assert expand(text, {"A": "1", "E": ""}) == expected
