"""The page of `make bench`."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import report
from bench.throughput import Run, paired

RUNS = {
    "without": [Run(1000.0, 1e-4), Run(2000.0, 1e-4), Run(4000.0, 1e-4)],
    "with": [Run(990.0, 1.01e-4), Run(1980.0, 1.03e-4), Run(8000.0, 1.02e-4)],
}


def test_runs_are_compared_with_their_pair() -> None:
    """A run that a neighbour disturbed moves neither median; what the machine did between pairs does not count."""
    throughput, processor = (paired(figure, RUNS)["paired_difference"] for figure in Run._fields)
    assert throughput["median"] == pytest.approx(-0.01)
    assert processor["median"] == pytest.approx(0.02)


def test_the_page_has_every_part(tmp_path: Path) -> None:
    """What each part measured stands in a row of its own, in the units of the row."""
    measured = {
        "record_cost": {"seconds_per_call": {"costmeter": 7e-6, "vllm": 310e-6}, "ratio": 7 / 310},
        "start_cost": {"seconds": 0.44},
        "sampler_cost": {"share_of_a_core": 0.00085},
        "week_memory": {"growth_bytes": 57_344},
        "throughput": {figure: paired(figure, RUNS) for figure in Run._fields},
    }
    report.write(tmp_path, measured)
    page = (tmp_path / "benchmarks.md").read_text()
    for row in ("7.0 µs", "310.0 µs", "2.3%", "0.085%", "+0.05 MiB", "-1.00%", "+2.00%", "0.44 s"):
        assert f"| {row} |" in page, row
    assert (tmp_path / "benchmarks.json").exists()
