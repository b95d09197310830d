"""A calibration beside the estimate, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vllm_costmeter.core.economics.bench_run import BenchRun
from vllm_costmeter.core.serving.calibration import Calibration, slowdown_of
from vllm_costmeter.core.serving.placement import Placed
from vllm_costmeter.outputs.economics.answer import Section

SCHEMA = "costmeter.calibrate/1"
WIDE = 1.25
"""A spread of factors beyond which one factor does not describe the runs."""


def section(
    found: Calibration, name: str, placed: Placed, runs: Sequence[BenchRun], *, kept: bool
) -> Section:
    """One row for each run."""
    rows = [
        (
            run.place,
            run.load,
            f"{run.generated_tokens_per_second or 0:,.1f}",
            f"{slowdown_of(placed, run):.2f}",
        )
        for run in runs
    ]
    notes = [f"{found.gpu}: {found.words}."]
    if found.spread > WIDE:
        notes.append(
            f"The runs differ by a factor of {found.spread:.2f}: one factor does not describe them; measure the load "
            "that you expect."
        )
    notes.append(
        "Kept: `costmeter estimate` and `costmeter recommend` use it." if kept else "Nothing was kept."
    )
    return Section(
        f"{name} on {found.gpu}",
        ("run", "load", "generated tokens/s", "x estimated time"),
        rows,
        tuple(notes),
    )


def values(found: Calibration, name: str, placed: Placed, runs: Sequence[BenchRun]) -> dict[str, Any]:
    """The factor, and each run's."""
    return {
        "model": name,
        "gpu": found.gpu,
        "quantization": found.quantization,
        "slowdown": round(found.slowdown, 4),
        "spread": round(found.spread, 4),
        "runs": [
            {
                "place": run.place,
                "load": run.load,
                "generated_tokens_per_second": run.generated_tokens_per_second,
                "slowdown": round(slowdown_of(placed, run), 4),
            }
            for run in runs
        ],
    }
