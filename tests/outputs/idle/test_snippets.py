"""Snippets that act on a time-out."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from promtool import promtool

from vllm_costmeter.outputs.idle.snippets import keda, vllm_sleep

SPEC = {"scaleTargetRef": dict, "idleReplicaCount": int, "minReplicaCount": int, "maxReplicaCount": int,
        "pollingInterval": int, "cooldownPeriod": int, "triggers": list}  # fmt: skip
"""Fields and types of spec in KEDA's CRD (config/crd/bases/keda.sh_scaledobjects.yaml, August 2026) that are used."""
PROMETHEUS = {"serverAddress", "query", "threshold", "activationThreshold", "ignoreNullValues"}
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
    assert (counts, spec["cooldownPeriod"]) == ([0, 2, 2], 300)  # the queries look back 300 s
    for trigger in spec["triggers"]:
        assert trigger["type"] == "prometheus"
        assert set(trigger["metadata"]) <= PROMETHEUS
        assert all(isinstance(value, str) for value in trigger["metadata"].values())


GPU_SECONDS = 'costmeter_gpu_seconds_total{model_name="m", instance="a", state="%s"}'
REQUESTS = 'litellm_proxy_total_requests_metric_total{requested_model="m", api_key="%s"}'
SCRAPED_EACH_MINUTE: dict[str, dict[str, str]] = {
    "busy": {"active": "0+60x60", "idle": "0x60"},
    "idle": {"active": "900x60", "idle": "0+60x60"},
    "lost while busy": {"active": "0+60x20 stale", "idle": "0x20 stale"},
    "a meter that stands still": {"active": "0+60x20 1200x40", "idle": "0x60"},
    "a new server": {"active": "_x28 0x30", "idle": "_x28 0+60x30"},
    "no server": {},
}
IS_BUSY = {"busy": 1, "idle": 0}
"""After 30 minutes; nothing of the others: KEDA leaves them alone."""
ASKED: dict[str, tuple[dict[str, str], bool]] = {
    "a first request of a new key": ({"k": "_x28 1x10"}, True),
    "a further request": ({"k": "7x27 8x20"}, True),
    "requests of ten minutes ago": ({"k": "0+1x20 20x20"}, False),
    "a failed scrape, and no request": ({"k": "7x24 stale 7x20"}, False),
    "a gateway that began again": ({"k": "7x27 1x20"}, True),
    "no gateway": ({}, False),
}


def asked_of_promtool(folder: Path, series: dict[str, str], query: str, value: float | None) -> None:
    """The query has that value after 30 minutes."""
    question: dict[str, Any] = {"expr": query, "eval_time": "30m", "exp_samples": []}
    if value is not None:
        question["exp_samples"] = [{"labels": "{}", "value": value}]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": "1m", "input_series": inputs, "promql_expr_test": [question]}
    (folder / "test.yml").write_text(yaml.safe_dump({"evaluation_interval": "30m", "tests": [test]}))
    promtool("test", "rules", folder / "test.yml")


def queries(name: str) -> list[str]:
    """Whether servers are busy, and whether somebody asks."""
    triggers = yaml.safe_load(keda(name, 600, 2, None))["spec"]["triggers"]
    return [trigger["metadata"]["query"] for trigger in triggers]


@pytest.mark.parametrize("case", SCRAPED_EACH_MINUTE)
def test_only_servers_that_are_known_to_be_idle_are_idle(case: str, tmp_path: Path) -> None:
    """Scraped once a minute; where nothing is known the query has no value, which fails the trigger."""
    series = {GPU_SECONDS % state: values for state, values in SCRAPED_EACH_MINUTE[case].items()}
    busy, _ = queries("m")
    asked_of_promtool(tmp_path, series, busy, IS_BUSY.get(case))
    busy_trigger = yaml.safe_load(keda("m", 600, 2, None))["spec"]["triggers"][0]
    assert busy_trigger["metadata"]["ignoreNullValues"] == "false"


@pytest.mark.parametrize("case", ASKED)
def test_a_first_request_wakes(case: str, tmp_path: Path) -> None:
    """A series that begins at 1 was a request, one that a failed scrape left out was not."""
    series, wakes = ASKED[case]
    _, asked = queries("m")
    named = {REQUESTS % key: values for key, values in series.items()}
    asked_of_promtool(tmp_path, named, f"({asked}) > bool 0", float(wakes))


def test_its_queries_are_promql(tmp_path: Path) -> None:
    """With any name of a model."""
    for query in queries('odd "name"'):
        asked_of_promtool(tmp_path, {}, f"({query}) > 0", None)


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


@pytest.mark.parametrize(
    ("page", "busy"),
    [
        ('vllm:num_requests_running{engine="0"} 0.0\nvllm:num_requests_waiting 0.0\n', "0"),
        ("vllm:num_requests_running 2.0\n", "2"),
        ("", "1"),
        ("another_engine:requests 0\n", "1"),
    ],
)
def test_a_page_that_does_not_tell_requests_keeps_the_server_awake(page: str, busy: str) -> None:
    """Only numbers of requests that are 0 are idle."""
    program = vllm_sleep("m", 600, 1).split("awk '")[1].split("')")[0]
    found = subprocess.run(["awk", program], input=page, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == busy
