"""This server's metrics as one JSON object: the same samples as on /metrics, for people and scripts."""

from __future__ import annotations

import os
from typing import Any

from vllm_costmeter.outputs.metrics.prometheus import (
    REGISTRY,
    CollectorRegistry,
    Metric,
    MultiProcessCollector,
)

SCHEMA = "costmeter.status/1"


def status() -> dict[str, Any]:
    """`{"schema", "metrics": {name: [{"labels", "value"}]}}`, every sample named `costmeter_*`; absent is absent."""
    metrics: dict[str, list[dict[str, Any]]] = {}
    for family in own_families():
        for sample in family.samples:
            metrics.setdefault(sample.name, []).append({"labels": sample.labels, "value": sample.value})
    return {"schema": SCHEMA, "metrics": metrics}


def own_families() -> list[Metric]:
    """What /metrics shows now, of ours."""
    return [family for family in _server_registry().collect() if family.name.startswith("costmeter_")]


def _server_registry() -> CollectorRegistry:
    """The source of vLLM's own /metrics: the process's registry, or the merged files of several API processes."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
