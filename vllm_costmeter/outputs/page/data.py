"""What `GET /costmeter/data` answers: schema costmeter.status/1. Fields are added, never renamed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from vllm_costmeter.core.page.columns import Column, Sample

SCHEMA = "costmeter.status/1"


def metrics_json(samples: Iterable[Sample]) -> dict[str, list[dict[str, Any]]]:
    """`{name: [{"labels", "value"}]}`; what is absent on /metrics is absent here, a value that is no number is null."""
    metrics: dict[str, list[dict[str, Any]]] = {}
    for sample in samples:
        value = sample.value if abs(sample.value) < float("inf") else None  # false for NaN too
        metrics.setdefault(sample.name, []).append({"labels": dict(sample.labels), "value": value})
    return metrics


def data_json(
    *,
    version: str,
    instance: str,
    unix_seconds: float,
    uptime_seconds: float,
    refresh_seconds: float,
    metrics: str,
    fit: str | None,
    columns: Sequence[Column],
    rows: Sequence[str],
) -> bytes:
    """The document. `metrics`, `fit` and the rows are JSON already; without `fit` there is no such field.

    `history.columns`: pairs of a server and a name, which stand for the cells of a row after its first, the uptime.
    Counters are as they stood at that moment; null or a missing end: not known. The last row is the current moment.
    """
    head = {
        "schema": SCHEMA,
        "version": version,
        "instance": instance,
        "unix_seconds": round(unix_seconds, 3),
        "uptime_seconds": round(uptime_seconds, 3),
        "refresh_seconds": round(refresh_seconds, 1),
    }
    parts = [json.dumps(head)[:-1], f'"metrics":{metrics}']
    if fit is not None:
        parts.append(f'"fit":{fit}')
    parts.append(f'"history":{{"columns":{json.dumps(columns)},"rows":[{",".join(rows)}]}}}}')
    return ",".join(parts).encode()
