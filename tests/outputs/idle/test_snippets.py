"""Snippets that act on a time-out."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from required_tool import required_tool

from vllm_costmeter.outputs.idle.snippets import keda, vllm_sleep

SPEC = {"scaleTargetRef": dict, "idleReplicaCount": int, "minReplicaCount": int, "maxReplicaCount": int,
        "pollingInterval": int, "cooldownPeriod": int, "triggers": list}  # fmt: skip
"""Fields and types of spec in KEDA's CRD (config/crd/bases/keda.sh_scaledobjects.yaml, August 2026) that are used."""
PROMETHEUS = {"serverAddress", "query", "threshold", "activationThreshold"}
"""What its Prometheus scaler reads of a trigger's metadata, all as strings (pkg/scalers/prometheus_scaler.go)."""


@pytest.mark.parametrize("name", ["Qwen/Qwen3-8B", 'odd "name": #x', "..."])
def test_a_scaled_object_has_kedas_fields(name: str) -> None:
    """And scales from two to zero and back, after the time-out; its name is one that Kubernetes takes."""
    found: dict[str, Any] = yaml.safe_load(keda(name, 600, 2, "http://prometheus:9090"))
    assert (found["apiVersion"], found["kind"]) == ("keda.sh/v1alpha1", "ScaledObject")
    assert found["metadata"]["name"].replace("-", "").isalnum()
    spec = found["spec"]
    assert {field: type(value) for field, value in spec.items()} == SPEC
    counts = [spec[f"{which}ReplicaCount"] for which in ("idle", "min", "max")]
    assert (counts, spec["cooldownPeriod"]) == ([0, 2, 2], 600)
    for trigger in spec["triggers"]:
        assert trigger["type"] == "prometheus"
        assert set(trigger["metadata"]) == PROMETHEUS
        assert all(isinstance(value, str) for value in trigger["metadata"].values())


def test_its_queries_are_promql(tmp_path: Path) -> None:
    """As promtool reads them in a rule."""
    triggers = yaml.safe_load(keda('odd "name"', 600, 2, None))["spec"]["triggers"]
    queries = [trigger["metadata"]["query"] for trigger in triggers]
    rules = [{"record": f"query:number{at}", "expr": query} for at, query in enumerate(queries)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    command = [required_tool("promtool"), "check", "rules", str(file)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("level", [1, 2])
def test_a_sleep_script_is_bash(level: int) -> None:
    """It sleeps at its level, says how to wake, and waits for running requests instead of aborting them."""
    text = vllm_sleep("Qwen/Qwen3-8B\nreboot", 600, level)
    assert "\nreboot" not in text
    found = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    assert f"/sleep?level={level}&mode=wait" in text
    assert "/wake_up" in text
    assert ("reload_weights" in text) == (level == 2)
