"""What `GET /costmeter/data` answers: schema costmeter.status/1. Fields are added, never renamed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from vllm_costmeter.core.page.columns import Sample

SCHEMA = "costmeter.status/1"

KeptHistory = tuple[str, Sequence[str], Sequence[str], str | None]
"""Server, columns, moments as JSON, and the current moment as JSON, None if it is not known now."""


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
    history: Iterable[KeptHistory],
) -> bytes:
    """The document. `metrics` and `fit` are JSON already; without `fit` there is no such field.

    `history` has for each server its `columns`, `rows` of moments (the first column is the uptime; counters as they
    stood; null or a missing end: not known) and `now`, the current one.
    """
    head = {
        "schema": SCHEMA,
        "version": version,
        "instance": instance,
        "unix_seconds": round(unix_seconds, 3),
        "uptime_seconds": round(uptime_seconds, 3),
        "refresh_seconds": round(refresh_seconds, 1),
    }
    servers = [
        f'{{"server":{json.dumps(server)},"columns":{json.dumps(columns)},'
        f'"rows":[{",".join(rows)}],"now":{now or "null"}}}'
        for server, columns, rows, now in history
    ]
    parts = [json.dumps(head)[:-1], f'"metrics":{metrics}']
    if fit is not None:
        parts.append(f'"fit":{fit}')
    parts.append(f'"history":[{",".join(servers)}]}}')
    return ",".join(parts).encode()
