"""This server's metrics: the same samples as on /metrics, as families and as values of core."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vllm_costmeter.core.page.columns import Sample
from vllm_costmeter.outputs.metrics.multiprocess import OWN_FILES
from vllm_costmeter.outputs.metrics.prometheus import (
    REGISTRY,
    CollectorRegistry,
    Metric,
    MultiProcessCollector,
)
from vllm_costmeter.outputs.page.data import SCHEMA, metrics_json


def status() -> dict[str, Any]:
    """`{"schema", "metrics": {name: [{"labels", "value"}]}}`, every sample named `costmeter_*`; absent is absent."""
    return {"schema": SCHEMA, "metrics": metrics_json(samples_of(own_families()))}


def own_families() -> list[Metric]:
    """What /metrics shows now, of ours."""
    return [family for family in _server_registry().collect() if family.name.startswith("costmeter_")]


def written_families(directory: Path) -> list[Metric]:
    """The same of several API processes, as they last wrote it to their common directory."""
    files = [str(path) for path in directory.glob(OWN_FILES)]
    merged: Iterable[Metric] = MultiProcessCollector.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
    return list(merged)


def samples_of(families: Iterable[Metric]) -> list[Sample]:
    """Their samples, without timestamps."""
    return [
        Sample(sample.name, sample.labels, sample.value) for family in families for sample in family.samples
    ]


def _server_registry() -> CollectorRegistry:
    """The source of vLLM's own /metrics: the process's registry, or the merged files of several API processes."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
