"""Whether the cheapest estimated deployment is the cheapest measured one, on InferenceX's runs.

A cell is a model, its lengths and a limit of TPOT. The choices are all runs measured for it: GPU, layout, precision and
concurrency. The estimate chooses among them by its own rates and TPOT, and the choice is judged by the measurements.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scripts.accuracy.serving_errors import Error
from scripts.accuracy.serving_runs import Run

USD_PER_GPU_HOUR = {"H100 SXM": 3.84, "H200 SXM": 3.99, "B200 SXM": 5.99, "B300 SXM": 7.50}
"""The catalogue's defaults of 2026-11; B300 has none there and is assumed."""
LIMITS_MS = (10, 15, 20, 30, 40, 50)
LEAST_CHOICES = 8
NEAR = 1.10


@dataclass(frozen=True, slots=True)
class Choice:
    """What the estimate chose in one cell."""

    model: str
    prompt_tokens: float
    limit_ms: int
    over_cheapest: float
    """Measured cost of the chosen run over that of the truly cheapest."""
    over_limit: float
    """Its measured TPOT over the limit."""
    held_out: bool
    """Whether the model was kept out of every fit to serving."""

    @property
    def is_near(self) -> bool:
        """At most a tenth dearer, and at most a tenth above the limit."""
        return self.over_cheapest <= NEAR and self.over_limit <= NEAR


def choices(errors: Sequence[Error]) -> Iterator[Choice]:
    """One for each cell with enough measured runs of which at least one meets the limit in truth and by estimate."""
    cells: dict[tuple[str, float, float], list[Error]] = {}
    for error in errors:
        run = error.run
        if run.source == "InferenceX" and run.gpu in USD_PER_GPU_HOUR and error.tpot is not None:
            key = (run.model, run.requests.prompt_tokens, run.requests.output_tokens)
            cells.setdefault(key, []).append(error)
    for (model, prompt, _), found in cells.items():
        for limit in LIMITS_MS:
            allowed = [each for each in found if _tpot(each) <= limit / 1e3]
            estimated = [each for each in found if _tpot(each) * (1 + (each.tpot or 0.0)) <= limit / 1e3]
            if len(found) < LEAST_CHOICES or not allowed or not estimated:
                continue
            chosen = min(estimated, key=lambda each: _cost(each) / (1 + (each.rate or 0.0)))
            cheapest = min(map(_cost, allowed))
            yield Choice(
                model=model,
                prompt_tokens=prompt,
                limit_ms=limit,
                over_cheapest=_cost(chosen) / cheapest,
                over_limit=_tpot(chosen) * 1e3 / limit,
                held_out=chosen.run.split == "held-out: model",
            )


def repeated(errors: Sequence[Error]) -> list[float]:
    """Later over earlier tokens per second of every deployment and load of InferenceX that was measured twice."""
    cells: dict[Hashable, list[Run]] = {}
    for run in (error.run for error in errors):
        if run.source == "InferenceX":
            key = (run.model, run.weights, run.gpu, run.engine.layout, run.requests, run.concurrency)
            cells.setdefault(key, []).append(run)
    found = []
    for runs in cells.values():
        ordered = sorted(runs, key=lambda run: run.reference[-10:])
        for before, after in pairwise(ordered):
            found.append((after.tokens_per_second or math.nan) / (before.tokens_per_second or math.nan))
    return found


def _tpot(error: Error) -> float:
    assert error.run.tpot_seconds is not None
    return error.run.tpot_seconds


def _cost(error: Error) -> float:
    """Dollars per second over measured tokens per second."""
    run = error.run
    assert run.tokens_per_second is not None
    return USD_PER_GPU_HOUR[run.gpu] * run.gpus / run.tokens_per_second


def summary(errors: Sequence[Error]) -> str:
    """One sentence for docs/serving.md."""
    found = list(choices(errors))
    near = sum(each.is_near for each in found)
    median = statistics.median(each.over_cheapest for each in found)
    above = sum(each.over_limit > NEAR for each in found)
    worst = max(found, key=lambda each: each.over_cheapest)
    held = [each.is_near for each in found if each.held_out]
    again = repeated(errors)
    return (
        f"In {near} of {len(found)} cells ({near / len(found):.0%}) the chosen run costs at most 10 % more than the "
        f"cheapest and exceeds the limit by at most 10 %; the median choice costs {median:.2f} times the cheapest, "
        f"{above} exceed the limit by more, and the dearest costs {worst.over_cheapest:.2f} times ({worst.model}, "
        f"{worst.limit_ms} ms). Of the held-out model's cells alone: {sum(held)} of {len(held)}. "
        f"How far the truth itself moves: of {len(again)} deployments measured twice, up to six weeks and some flags "
        f"apart, {sum(abs(each - 1) > NEAR - 1 for each in again)} changed by more than 10 % ({min(again) - 1:+.0%} to "
        f"{max(again) - 1:+.0%}). Most of the dear choices stand one step of concurrency (a factor of two) below "
        "the limit, which the next step meets by a few per cent in truth and not by estimate."
    )
