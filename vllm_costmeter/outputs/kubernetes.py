"""Kubernetes objects made of the rules and dashboards: a PrometheusRule and a ConfigMap for each dashboard.

PrometheusRule is prometheus-operator's. ConfigMaps with the label `grafana_dashboard: "1"` are read by the sidecar of
Grafana's Helm chart, and so of kube-prometheus-stack.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from vllm_costmeter.outputs.rules.rule import Group
from vllm_costmeter.outputs.text.yaml import as_yaml

FOLDER = "kubernetes"
RULES_FILE = "rules.yaml"
LABELS = {"app.kubernetes.io/name": "vllm-costmeter"}


def prometheus_rule(groups: Iterable[Group], heading: str, name: str = "costmeter") -> str:
    """The rules as one object that prometheus-operator hands to its Prometheus."""
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "labels": LABELS},
        "spec": {"groups": [group.fields() for group in groups]},
    }
    return "".join(f"# {line}\n" for line in heading.splitlines()) + as_yaml(rule)


def dashboard_config_maps(files: Mapping[str, str]) -> dict[str, str]:
    """Path -> ConfigMap for every dashboard among `files` (path below grafana/ -> text)."""
    dashboards = {PurePosixPath(name): text for name, text in files.items() if is_dashboard(name)}
    return {
        f"{FOLDER}/dashboard-{path.stem.removeprefix('costmeter-')}.yaml": as_yaml(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": path.stem, "labels": {**LABELS, "grafana_dashboard": "1"}},
                "data": {path.name: text},
            }
        )
        for path, text in dashboards.items()
    }


def is_dashboard(name: str) -> bool:
    """Whether a path below grafana/ is a dashboard's JSON."""
    return name.startswith("dashboards/") and name.endswith(".json")
