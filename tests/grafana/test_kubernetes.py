"""grafana/kubernetes: valid objects, made of the same rules and dashboards as everything else, that fit together."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from scripts.fleet.helm_chart import CHANGED, CHART, RECORDED, by_name, digest, plain_objects, shortened
from vllm_costmeter import __version__
from vllm_costmeter.cli.main import main
from vllm_costmeter.outputs.rules.alerts import alert_groups
from vllm_costmeter.outputs.rules.files import kubernetes_rule_file
from vllm_costmeter.outputs.rules.limits import Limits
from vllm_costmeter.outputs.rules.recording import recording_groups

ROOT = CHART.parents[1]
DATA = ROOT / "tests" / "data" / "kubernetes"
CORE = json.loads((DATA / "kubernetes_1.37.0.json").read_text())
CRDS = {
    "PodMonitor": json.loads((DATA / "podmonitors_0.93.0.json").read_text()),
    "PrometheusRule": json.loads((DATA / "prometheusrules_0.93.0.json").read_text()),
}
OBJECTS = by_name(plain_objects())
HELM = json.loads(RECORDED.read_text())
DEPLOYMENT, SERVICE, MONITOR = (OBJECTS[f"{kind}/vllm"] for kind in ("Deployment", "Service", "PodMonitor"))
POD = DEPLOYMENT["spec"]["template"]
(CHECK,), (SERVER,) = POD["spec"]["initContainers"], POD["spec"]["containers"]


def complaints(found: dict[str, Any]) -> list[str]:
    """What the published schema of an object's kind says against it; unknown fields count."""
    if found["kind"] in CRDS:
        schema = closed(CRDS[found["kind"]])
        return [error.message for error in Draft7Validator(schema).iter_errors(found)]
    schema = {"$defs": CORE["$defs"], "$ref": f"#/$defs/{CORE['kinds'][found['kind']]}"}
    return [error.message for error in Draft202012Validator(schema).iter_errors(found)]


def closed(schema: Any) -> Any:
    """A CRD's schema without room for fields it does not name: the API server would drop them."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(part) for name, part in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        names = schema["properties"].keys()
        is_root = {"apiVersion", "kind", "metadata"} <= names
        if is_root:
            inner["properties"]["metadata"] = {"type": "object"}
        inner.setdefault("additionalProperties", False)
    return inner


@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_is_valid(name: str) -> None:
    """Kubernetes 1.37's strict schemas and prometheus-operator's CRDs find nothing."""
    assert complaints(OBJECTS[name]) == []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("Deployment/vllm", ("spec", "template", "spec", "containers", 0)),
        ("Service/vllm", ("spec", "ports", 0)),
        ("PodMonitor/vllm", ("spec", "podMetricsEndpoints", 0)),
        ("PrometheusRule/costmeter", ("spec", "groups", 0, "rules", 0)),
        ("ConfigMap/costmeter-cost", ()),
    ],
)
def test_the_schemas_would_notice(name: str, path: tuple[str | int, ...]) -> None:
    """A misspelt field is found at every depth, so that the test above means something."""
    broken = json.loads(json.dumps(OBJECTS[name]))
    place = broken
    for step in path:
        place = place[step]
    place["naem"] = "x"
    assert complaints(broken)


def test_the_rules_are_the_code_s() -> None:
    """`costmeter rules grafana/kubernetes --format kubernetes` changes nothing, and the object holds every group."""
    assert kubernetes_rule_file(Limits()) == {"rules.yaml": (CHART / "rules.yaml").read_text()}
    groups = [group.fields() for group in (*recording_groups(), *alert_groups(Limits()))]
    assert OBJECTS["PrometheusRule/costmeter"]["spec"]["groups"] == groups


def test_every_dashboard_is_a_config_map_that_grafana_s_sidecar_takes() -> None:
    """One for each, with the label it looks for, small enough for `kubectl apply` (its annotation ends at 256 KiB)."""
    dashboards = {path.name: path.read_text() for path in (ROOT / "grafana" / "dashboards").iterdir()}
    maps = [found for name, found in OBJECTS.items() if name.startswith("ConfigMap/")]
    assert {name: text for found in maps for name, text in found["data"].items()} == dashboards
    assert all(found["metadata"]["labels"]["grafana_dashboard"] == "1" for found in maps)
    assert all(len(json.dumps(found)) < 256 * 1024 for found in maps)


def test_the_check_and_the_server_read_the_same_lines() -> None:
    """What is checked is what starts: flags, environment, GPUs and image."""
    for field in ("image", "args", "env", "resources", "volumeMounts"):
        assert CHECK[field] == SERVER[field]
    assert SERVER["command"] == ["vllm", "serve"]
    assert "costmeter check -- vllm serve" in " ".join(CHECK["command"])


@pytest.mark.parametrize(("length", "status"), [("8192", 0), ("131072000", 1)])
def test_the_init_container_s_own_command_lets_only_a_server_that_fits_through(
    length: str, status: int, tmp_path: Path
) -> None:
    """Run by a real shell as the kubelet would, the GPU named in place of a driver: 0 and then the server, or 1."""
    command = tmp_path / "costmeter"
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nfrom vllm_costmeter.cli.main import main\n"
        "sys.exit(main(['check', '--gpu', 'H100 SXM', *sys.argv[2:]]))\n"
    )
    command.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" "{program}" "$@"\n'
    )  # either path may have a space
    command.chmod(0o755)
    flags = [re.sub(r"(?<=--max-model-len=).*", length, word) for word in CHECK["args"][1:]]
    done = subprocess.run(
        [*CHECK["command"], str(ROOT / "examples/models/llama-3.1-8b"), *flags],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "8,192 tokens" in done.stdout or status


def test_our_own_file_check_reads_the_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    """`costmeter check server.yaml` finds the server and its flags."""
    assert main(["check", str(CHART / "server.yaml"), "--gpu", "H100 SXM"]) == 0
    assert "container vllm" in capsys.readouterr().out


def test_the_parts_find_each_other() -> None:
    """Service and PodMonitor select the pod's labels and name its port; every mount has its volume."""
    labels = POD["metadata"]["labels"]
    assert SERVICE["spec"]["selector"].items() <= labels.items()
    assert MONITOR["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"].items() <= labels.items()
    (port,) = SERVER["ports"]
    assert {e["port"] for e in MONITOR["spec"]["podMetricsEndpoints"]} == {port["name"]}
    assert f"--port={port['containerPort']}" in SERVER["args"]
    assert {m["name"] for m in SERVER["volumeMounts"]} == {v["name"] for v in POD["spec"]["volumes"]}


def test_the_image_has_this_version() -> None:
    """Its Dockerfile is held against it in test_containers.py."""
    assert SERVER["image"] == f"vllm-costmeter:{__version__}"
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__


def test_helm_s_rendering_is_of_the_chart_as_it_is() -> None:
    """A template that changes is rendered by Helm again: `python -m scripts.fleet.helm_chart`."""
    assert HELM["sha256"] == digest()


def test_the_chart_s_defaults_are_the_plain_manifests() -> None:
    """`helm install` and `kubectl apply -k` start the same."""
    assert HELM["defaults"] == shortened(OBJECTS)


@pytest.mark.parametrize("name", [name for name, found in HELM["changed"].items() if "spec" in found])
def test_what_the_chart_makes_of_other_values_is_valid(name: str) -> None:
    """Also with a name, replicas, GPUs and flags of one's own."""
    assert complaints(HELM["changed"][name]) == []


def test_values_reach_the_objects() -> None:
    """Name, replicas, GPUs, flags and labels as set; what is off is not there."""
    changed, server = HELM["changed"], CHANGED["server"]
    deployment = changed[f"Deployment/{server['name']}"]["spec"]
    containers = (
        deployment["template"]["spec"]["initContainers"] + deployment["template"]["spec"]["containers"]
    )
    assert deployment["replicas"] == server["replicas"]
    assert all(set(server["flags"]) <= set(found["args"]) for found in containers)
    assert all(
        found["resources"]["limits"] == {"nvidia.com/gpu": str(server["gpus"])} for found in containers
    )
    assert changed["PrometheusRule/costmeter"]["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    monitor = changed["PodMonitor/vllm"]["spec"]
    assert monitor["selector"]["matchLabels"] == {"app.kubernetes.io/name": server["name"]}
    assert not any(name.startswith("ConfigMap/") for name in changed)
