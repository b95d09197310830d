"""The measured numbers in docs/fleet.md are those of docs/fleet.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
FOUND = json.loads((DOCS / "fleet.json").read_text(encoding="utf-8"))
WORST = max(FOUND["rule_group_seconds_worst"], key=FOUND["rule_group_seconds_worst"].get)
MEMORY = FOUND["prometheus_resident_bytes"]
SECONDS = {name: FOUND[f"fleet_dashboard_{name}_seconds"] for name in ("median", "slowest")}


@pytest.mark.parametrize(
    "row",
    [
        f"| targets that answered | {FOUND['targets_up']:.0f} |",
        f"mean of this fleet {FOUND['series_per_replica']:.0f}, largest {FOUND['series_per_replica_largest']:.0f} |",
        f"| samples that a replica publishes | {FOUND['samples_per_replica_before_dropping']:.0f} in the mean;",
        f"| {FOUND['head_series']:,.0f}, of them {FOUND['recorded_series']:,} recorded by rules |",
        f"| samples a second | {FOUND['samples_per_second']:,.0f} |",
        f"| {MEMORY / 1e6:.0f} MB ({MEMORY / FOUND['head_series'] / 1e3:.1f} kB per series",
        f"| Prometheus: cores | {FOUND['prometheus_cores']:.2f} |",
        f"| {FOUND['rule_group_seconds_worst'][WORST]:.2f} s (`{WORST}`)",
        f"missed: {FOUND['rule_evaluations_missed']:.0f}, none failed: {FOUND['rule_evaluations_failed']:.0f} |",
        f"{len(FOUND['fleet_dashboard_queries'])} queries one after the other |",
        f"| {FOUND['fleet_dashboard_seconds']:.1f} s; median",
        f"median {SECONDS['median']:.2f} s, slowest {SECONDS['slowest']:.2f} s",
        f"load average {FOUND['load_average']:.1f})",
    ],
)
def test_a_number_on_the_page_is_the_measured_one(row: str) -> None:
    """Copied by hand from what scripts.bench.fleet_scale wrote, so held against it."""
    assert row in " ".join((DOCS / "fleet.md").read_text(encoding="utf-8").split())
