"""The page of benchmarks says what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.bench import report

PAIRS = {"median": -0.002, "confidence": [-0.006, 0.001], "quartiles": [-0.01, 0.008]}
MEASURED: dict[str, Any] = {
    "check_cost": {
        "process": {"median_seconds": 0.2, "quartile_seconds": [0.19, 0.22], "heavy_modules": []},
        "thousand": {
            "seconds": 2.6,
            "verdict_seconds": 1.6,
            "configurations": 75,
            "verdicts": {"fits": 600, "refused": 400},
        },
    },
    "beside_kvfit": {
        "base_install_bytes": 6_456_187,
        "modules": 99,
        "empty_interpreters": {"ratio": 3.824, "confidence": [3.58, 4.27]},
        "kvfit": {"ratio": 0.754, "confidence": [0.734, 0.789]},
    },
    "record_cost": {"seconds_per_call": {"vllm": 310e-6, "costmeter": 7e-6}, "ratio": 7 / 310},
    "start_cost": {"seconds": 0.44},
    "sampler_cost": {"share_of_a_core": 0.00085},
    "week_memory": {"growth_bytes": 57_344},
    "request_cost": {
        "streams": 2000,
        "ratio": 0.05,
        "microseconds_per_request": {"vllm": 1100.0, "ours": 55.0},
        "open_requests_bytes": 1_400_000.0,
    },
    "ledger_cost": {
        "write_seconds": 0.00037,
        "year_bytes": 179_167_232,
        "report_seconds": {"model": 0.9, "day": 1.47, "state": 0.8},
        "interpreter_seconds": 0.03,
    },
    "throughput": {
        "tokens_per_second": {"with": [1.0] * 44, "without": [1.0] * 44},
        "server_cpu_seconds_per_request": {"with": [0.08], "without": [0.079]},
        "paired_difference": PAIRS,
        "paired_cpu_difference": {**PAIRS, "median": 0.013},
    },
}


def test_every_promised_number_has_a_row(tmp_path: Path) -> None:
    """What each part measured stands in a row of its own, in the units of the row, and whole in the JSON beside."""
    pytest.importorskip("vllm", reason="the page names its release")
    report.write(tmp_path, MEASURED)
    page = (tmp_path / "benchmarks.md").read_text()
    for value in (
        *(
            "7.0 µs",
            "310.0 µs",
            "2.3%",
            "0.085%",
            "+0.05 MiB",
            "-0.20%",
            "-0.60% to +0.10%",
            "+1.30%",
            "0.44 s",
        ),
        *(
            "79.00 ms, 80.00 ms",
            "0.20 s (0.19 to 0.22)",
            "1.6 s",
            "2.6 s",
            "none of torch, transformers, vllm",
            "3.82 times (3.58 to 4.27)",
            "0.75 times (0.73 to 0.79)",
            "6.5 MB",
        ),
    ):
        assert f"| {value} |" in page, value
    assert "median of 44 pairs" in page
    assert "1,000 checks of 75 published configurations" in page
    assert (tmp_path / "benchmarks.json").exists()
