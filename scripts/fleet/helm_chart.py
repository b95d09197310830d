"""Render the chart with Helm itself and record what came out: `python -m scripts.fleet.helm_chart`.

Needs `pip install helm-python-sdk` (Helm's own Go library, 244 MB), so the tests compare with the recording and with
the digest of the files that it was made of. Before recording, the defaults must give what kustomization.yaml lists.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "grafana" / "kubernetes"
RECORDED = ROOT / "tests" / "data" / "kubernetes" / "helm_rendered.json"
READ_BY_HELM = ("Chart.yaml", "values.yaml", "pod-monitor.yaml", "templates/*")
"""The files that decide what is rendered; rules and dashboards pass through whole."""
CHANGED = {
    "server": {
        "name": "llama",
        "replicas": 3,
        "gpus": 4,
        "flags": ["--tensor-parallel-size=4"],
        "pod": {"nodeSelector": {"gpu": "h100"}},
    },
    "dashboards": {"enabled": False},
    "labels": {"release": "kube-prometheus-stack"},
}
"""Values other than the defaults, as a user would set them."""


def digest() -> str:
    """SHA-256 of the files that decide what is rendered."""
    paths = sorted(path for pattern in READ_BY_HELM for path in CHART.glob(pattern))
    return hashlib.sha256(
        b"".join(path.name.encode() + b"\0" + path.read_bytes() for path in paths)
    ).hexdigest()


def plain_objects() -> list[dict[str, Any]]:
    """The objects that kustomization.yaml lists."""
    listed = yaml.safe_load((CHART / "kustomization.yaml").read_text())["resources"]
    return [found for name in listed for found in yaml.safe_load_all((CHART / name).read_text())]


def by_name(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """kind/name -> object."""
    return {f"{found['kind']}/{found['metadata']['name']}": found for found in objects}


def shortened(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Rules and dashboards by their metadata alone: they have another home."""
    passed = ("PrometheusRule/", "ConfigMap/")
    return {n: {"metadata": o["metadata"]} if n.startswith(passed) else o for n, o in objects.items()}


def main() -> None:
    """Write the recording."""
    import helm_python as helm  # type: ignore[import-not-found, unused-ignore] # not a dependency: see above

    def rendered(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
        with helm.Chart.load(str(CHART)) as chart:
            texts = chart.render(values, name="costmeter", namespace="default")
        return by_name([found for text in texts.values() for found in yaml.safe_load_all(text) if found])

    complaints = helm.lint(str(CHART))
    assert not complaints["errors"], complaints
    defaults = rendered({})
    assert defaults == by_name(plain_objects()), "the chart's defaults are not what kustomization.yaml lists"
    recording = {
        "helm": helm.helm_sdk_version(),
        "sha256": digest(),
        "defaults": shortened(defaults),
        "changed": shortened(rendered(CHANGED)),
    }
    RECORDED.write_text(json.dumps(recording, indent=1, sort_keys=True) + "\n")
    print(f"wrote {RECORDED}")


if __name__ == "__main__":
    main()
