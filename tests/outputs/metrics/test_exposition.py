"""What a scrape reads."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

from published import FACTS, GPUS, READING, families
from required_tool import required_tool

from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter import MeterReading
from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.exposition import server_families
from vllm_costmeter.outputs.metrics.prometheus import CollectorRegistry, generate_latest
from vllm_costmeter.outputs.metrics.table import METRICS

GOLDEN = Path(__file__).parents[2] / "data" / "exposition" / "everything.prom"


def exposition() -> str:
    """The text of a scrape when everything is known."""
    registry = CollectorRegistry()
    LatestCollector(registry).publish(families())
    return generate_latest(registry).decode()


def test_the_exposition_is_the_golden_one() -> None:
    """Names, labels, help and values are as committed; a change is meant or it is a mistake. To renew:
    `PYTHONPATH=tests/builders python tests/outputs/metrics/test_exposition.py`."""
    assert (
        re.sub(r"e\+0(\d\d)\b", r"e+\1", exposition()) == GOLDEN.read_text()
    )  # prometheus_client before 0.25


def test_every_metric_of_the_table_is_published_when_everything_is_known() -> None:
    """No row without a sample, no sample without a row, and exactly the labels of the row."""
    published = {family.row.name: family for family in families()}
    assert set(published) == {row.name for row in METRICS}
    for family in published.values():
        labelled = [labels for labels, _ in family.samples]
        labelled += [family.histogram[0]] if family.histogram is not None else []
        for labels in labelled:
            assert tuple(name for name, _ in labels)[: len(family.row.labels)] == family.row.labels


def test_a_share_of_a_gpu_shows_in_the_price_info() -> None:
    """Two more labels, only where a share is charged."""
    (info,) = [family for family in families() if family.row.name == "costmeter_price_info"]
    assert info.samples[0][0][-2:] == (("gpu_share", "0.5"), ("share_basis", "stated"))


def test_what_is_unknown_is_absent() -> None:
    """A server with no price, no model shape and no driver shows time and its sources, and not one zero for the
    rest."""
    bare = MeterReading(price=None, tokens=READING.tokens, gpu_seconds=READING.gpu_seconds)
    facts = replace(FACTS, api_price=None)
    sources = {"nvml": "no_driver", "price": "no_price", "engine": None}
    shown = server_families(facts, bare, GpuReadings(up=False), sources)
    assert {family.row.name for family in shown} == {
        "costmeter_gpu_seconds_total",
        "costmeter_kv_cache_capacity_tokens",
        "costmeter_preflight_bytes",
        "costmeter_source_up",
        "costmeter_source_down_info",
        "costmeter_build_info",
    }


def test_a_source_that_is_down_says_why() -> None:
    """One word for each that is down, none for one that is up: the two can't disagree."""
    sources = {"nvml": "gpu_order_unknown", "price": None, "engine": None}
    shown = {family.row.name: family.samples for family in server_families(FACTS, READING, GPUS, sources)}
    assert [value for _, value in shown["costmeter_source_up"]] == [0, 1, 1]
    assert shown["costmeter_source_down_info"] == (
        ((("source", "nvml"), ("reason", "gpu_order_unknown")), 1),
    )


def test_a_gpu_shows_only_what_its_driver_says() -> None:
    """A second GPU without power or utilisation has samples for its memory alone."""
    slice_of_gpu = GpuReading("1/0", 1, "MIG-1", "A100", memory_total_bytes=10, memory_used_bytes=0)
    gpus = GpuReadings(True, (*GPUS.gpus, slice_of_gpu), 1.0)
    shown = {
        family.row.name: [dict(labels)["gpu"] for labels, _ in family.samples]
        for family in server_families(FACTS, READING, gpus, {})
        if family.row.name.startswith("costmeter_gpu_") and "gpu" in family.row.labels
    }
    assert shown == {
        "costmeter_gpu_memory_used_bytes": ["0", "1/0"],
        "costmeter_gpu_memory_total_bytes": ["0", "1/0"],
        "costmeter_gpu_power_watts": ["0"],
        "costmeter_gpu_utilization_ratio": ["0"],
        "costmeter_gpu_process_memory_bytes": ["0"],
    }


def test_promtool_has_no_complaint() -> None:
    """Prometheus' own linter accepts every name and help text."""
    promtool = required_tool("promtool")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=exposition(), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


if __name__ == "__main__":
    GOLDEN.write_text(exposition())
