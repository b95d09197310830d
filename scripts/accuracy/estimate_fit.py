"""Refit the constants of `costmeter estimate`, and measure them on models left out of the fit.

`python -m scripts.accuracy.estimate_fit ML_ENERGY.csv` uses the runs of estimates.py. A request's seconds are
linear in the constants, so each run is one row: the seconds of a request with one constant at 1 and the
others at 0.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.accuracy import estimates
from vllm_costmeter.core.economics.throughput import Slowness

NAMES = [field.name for field in fields(Slowness)]
STEPS, STEP = 6000, 0.03
NEARLY_EXACT = 0.03  # smaller errors are weighted by their square, larger ones by their size

Array = NDArray[np.float64]


def rows(runs: Sequence[estimates.Run]) -> tuple[Array, Array]:
    """(seconds per request and constant, measured seconds per request)."""
    units = [Slowness(**{name: float(name == one) for name in NAMES}) for one in NAMES]
    parts = [[run.estimate(unit).seconds_per_request for unit in units] for run in runs]
    return np.array(parts), np.array([run.load.output_tokens / run.measured for run in runs])


def fit(parts: Array, seconds: Array) -> Array:
    """The positive constants with the smallest mean |log(estimated / measured)|, by gradient descent
    (Adam)."""
    scale = parts.mean(axis=0)
    scale[scale == 0] = 1.0
    shares = parts / scale / seconds[:, None]
    logs = np.zeros(len(NAMES)) - np.log(np.median(shares.sum(axis=1)))
    mean, square = np.zeros_like(logs), np.zeros_like(logs)
    for step in range(1, STEPS + 1):
        values = np.exp(logs)
        ratio = shares @ values
        error = np.log(ratio)
        weight = error / np.hypot(error, NEARLY_EXACT) / ratio
        slope = (weight[:, None] * shares).mean(axis=0) * values
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        towards = (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-9)
        logs = np.maximum(logs - STEP * (1 if step < 0.6 * STEPS else 0.2) * towards, -20)
    found: Array = np.exp(logs) / scale
    return found


def shape_name(run: estimates.Run) -> str:
    """One name for models of one shape: "Qwen3-Coder-30B-A3B-Instruct" and "Qwen3-30B-A3B-Instruct-2507"."""
    return re.sub(r"Meta-|Coder-|-Instruct|-Thinking|-2507|-FP8|-v0.1", "", run.model)


def left_out(parts: Array, seconds: Array, groups: Sequence[str]) -> Array:
    """Estimated over measured tokens per second, minus 1; each group with constants fitted to the others."""
    errors = np.zeros(len(seconds))
    for group in sorted(set(groups)):
        out = np.array([each == group for each in groups])
        errors[out] = seconds[out] / (parts[out] @ fit(parts[~out], seconds[~out])) - 1
    return errors


def said(name: str, errors: Array) -> str:
    """A summary of the errors, in percent."""
    return f"{name}: median {np.median(errors):+.0%}, median size {np.median(np.abs(errors)):.1%}"


if __name__ == "__main__":
    runs = [
        *estimates.sweep(),
        *(run for file in sys.argv[1:] for run in estimates.leaderboard(Path(file))),
    ]
    parts, seconds = rows(runs)
    constants = fit(parts, seconds)
    print("\n".join(f"{name} = {value:.4g}" for name, value in zip(NAMES, constants, strict=True)))
    print(said("all runs", seconds / (parts @ constants) - 1))
    for title, groups in (
        ("model", [shape_name(run) for run in runs]),
        ("source", [run.source for run in runs]),
        ("GPU", [run.gpu for run in runs]),
    ):
        errors = left_out(parts, seconds, groups)
        print(said(f"each {title} left out", errors))
        for group in sorted(set(groups)):
            print(said(f"  {group}", errors[[each == group for each in groups]]))
        if title == "model":
            low, high = np.quantile(1 / (1 + errors), (0.1, 0.9))
            print(f"  eight of ten measurements lie within {low:.2f} and {high:.2f} of their estimate")
