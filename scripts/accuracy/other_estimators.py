"""Our errors beside those of NVIDIA's aiconfigurator, on the same measured runs."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable, Sequence

from scripts.accuracy.serving_errors import Error
from scripts.accuracy.serving_runs import DATA, Run
from vllm_costmeter.outputs.text.table_layout import markdown_table

AICONFIGURATOR = DATA / "estimators" / "aiconfigurator_0.12.0.csv"
LEAST_RUNS = 8

Cell = tuple[float, float, float, float, float, float]
"""Errors of TPOT, TTFT and tokens/s: theirs and ours in turn."""


def beside(errors: Sequence[Error]) -> str:
    """Median and median size of the errors, by GPU and by model."""
    theirs = {row["reference"]: row for row in csv.DictReader(AICONFIGURATOR.open())}
    groups: dict[str, list[Cell]] = {}
    for error in errors:
        row = theirs.get(error.run.reference)
        cell = None if row is None else _cell(error, float(row["ttft_ms"]) / 1e3, float(row["tpot_ms"]) / 1e3)
        if cell is not None:
            for key in _KEYS:
                groups.setdefault(key(error.run), []).append(cell)
    rows = [
        (name, str(len(cells)), *(_summary([cell[column] for cell in cells]) for column in range(6)))
        for name, cells in sorted(groups.items())
        if len(cells) >= LEAST_RUNS
    ]
    titles = (
        "",
        "runs",
        "TPOT: aiconfigurator",
        "ours",
        "TTFT: aiconfigurator",
        "ours",
        "tokens/s: aiconfigurator",
        "ours",
    )
    return markdown_table(titles, rows)


_KEYS: tuple[Callable[[Run], str], ...] = (
    lambda run: "all",
    lambda run: run.gpu,
    lambda run: f"{run.model} {run.weights}",
)


def _cell(error: Error, ttft: float, tpot: float) -> Cell | None:
    """Their rate follows from the closed loop, as that of the runs does."""
    run = error.run
    if run.ttft_seconds is None or run.tpot_seconds is None or run.tokens_per_second is None:
        return None
    output = run.requests.output_tokens
    rate = run.concurrency * output / (ttft + (output - 1) * tpot)
    return (
        tpot / run.tpot_seconds - 1,
        error.tpot or 0.0,
        ttft / run.ttft_seconds - 1,
        error.ttft or 0.0,
        rate / run.tokens_per_second - 1,
        error.rate or 0.0,
    )


def _summary(values: Sequence[float]) -> str:
    return f"{statistics.median(values):+.0%} ({statistics.median(map(abs, values)):.0%})"
