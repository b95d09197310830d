"""Every metric's name in OpenTelemetry."""

from __future__ import annotations

import re

import pytest

from vllm_costmeter.outputs.metrics.table import BY_NAME, METRICS
from vllm_costmeter.outputs.otlp.names import NAMES, UNITS, otel_attributes, otel_metric

hw = pytest.importorskip("opentelemetry.semconv._incubating.metrics.hw_metrics")
NAME = re.compile(r"[a-z][a-z0-9_.]{0,254}")  # the specification allows more; this is how all of them look


def test_every_metric_of_the_table_has_a_name_of_its_own_and_a_known_unit() -> None:
    """A new row gets both by rule; a new unit needs its UCUM code."""
    names = [otel_metric(row).name for row in METRICS]
    assert len(set(names)) == len(names)
    assert [name for name in names if not NAME.fullmatch(name)] == []
    assert {row.unit for row in METRICS} <= UNITS.keys()
    assert NAMES.keys() <= BY_NAME.keys()


def test_names_carry_no_unit_and_no_total() -> None:
    names = {otel_metric(row).name for row in METRICS}
    assert [
        name for name in names if name.endswith(("_total", "_usd", "_bytes", "_seconds", "_joules"))
    ] == []


def test_hardware_metrics_are_those_of_the_published_conventions() -> None:
    """As OpenTelemetry's own package of conventions has them."""
    ours = {otel_metric(row).name for row in METRICS if otel_metric(row).name.startswith("hw.")}
    assert ours == {
        hw.HW_ENERGY,
        hw.HW_POWER,
        hw.HW_GPU_MEMORY_USAGE,
        hw.HW_GPU_MEMORY_LIMIT,
        hw.HW_GPU_UTILIZATION,
    }


@pytest.mark.parametrize(
    ("row", "name", "unit", "instrument"),
    [
        ("costmeter_cost_usd_total", "costmeter.cost", "{USD}", "counter"),
        ("costmeter_tokens_total", "costmeter.tokens", "{token}", "counter"),
        ("costmeter_gpu_seconds_total", "costmeter.gpu.time", "s", "counter"),
        ("costmeter_usd_per_million_tokens", "costmeter.usd_per_million_tokens", "{USD}/{Mtoken}", "gauge"),
        ("costmeter_request_cost_usd", "costmeter.request_cost", "{USD}", "histogram"),
        ("costmeter_energy_joules_total", "hw.energy", "J", "counter"),
        ("costmeter_gpu_memory_used_bytes", "hw.gpu.memory.usage", "By", "updowncounter"),
        ("costmeter_kv_cache_usage_ratio", "costmeter.kv_cache_usage", "1", "gauge"),
        ("costmeter_source_up", "costmeter.source_up", "1", "gauge"),
    ],
)
def test_a_name_follows_from_its_row(row: str, name: str, unit: str, instrument: str) -> None:
    metric = otel_metric(BY_NAME[row])
    assert (metric.name, metric.unit, metric.instrument) == (name, unit, instrument)


def test_labels_become_the_conventions_attributes() -> None:
    tokens = otel_metric(BY_NAME["costmeter_tokens_total"])
    assert otel_attributes({"model_name": "m", "kind": "prompt_cached"}, tokens) == {
        "gen_ai.request.model": "m",
        "costmeter.kind": "prompt_cached",
        "gen_ai.token.type": "input",
    }
    busy = otel_metric(BY_NAME["costmeter_gpu_utilization_ratio"])
    assert otel_attributes({"gpu": "0", "name": "NVIDIA L4"}, busy) == {
        "hw.id": "0",
        "hw.model": "NVIDIA L4",
        "hw.type": "gpu",
        "hw.gpu.task": "general",
    }
