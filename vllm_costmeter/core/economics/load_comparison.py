"""Runs of a load test before and after a change, compared load by load against a limit of cost per token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.bench_run import BenchRun, Per
from vllm_costmeter.core.economics.gate import (
    Change,
    GateVerdict,
    Sample,
    change,
    overall,
    runs_to_decide,
)
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.hourly import usd_per_million_tokens
from vllm_costmeter.core.pricing.money import exact

Reason = Literal["too_few_runs", "too_noisy", "different_lengths", "failed_requests", "load_limited"]

MOST_FAILED_SHARE = 0.01
"""Failed requests beyond this share lighten the load, so that the rest is served faster than it would be."""
LENGTHS_DIFFER_SHARE = 0.10
"""Mean tokens per request that differ by more are another load: sampled answers of one data set differ by less."""


@dataclass(frozen=True, slots=True)
class CostLimit:
    """The most that cost per million tokens may be: a share above the baseline, or an amount in USD."""

    change: Fraction | None = None
    usd_per_million: Fraction | None = None

    @property
    def log(self) -> float:
        """The logarithm of the allowed ratio, or of the allowed amount."""
        return math.log(1 + self.change if self.change is not None else self.usd_per_million or 1)


@dataclass(frozen=True, slots=True)
class Terms:
    """How the runs are judged."""

    limit: CostLimit
    confidence: float = 0.99
    known_noise: float | None = None
    per: Per = "generated"
    baseline_usd_per_hour: Fraction | None = None
    current_usd_per_hour: Fraction | None = None
    """None: no price is known; costs are then compared at one price."""


@dataclass(frozen=True, slots=True)
class Side:
    """The runs before or after the change under one load, and their cost per million tokens."""

    runs: tuple[BenchRun, ...]
    tokens_per_second: float
    """Geometric mean of the runs."""
    sample: Sample
    usd_per_million_tokens: float | None


@dataclass(frozen=True, slots=True)
class LoadComparison:
    """The comparison under one load."""

    load: str
    baseline: Side | None
    """None with a limit in USD."""
    current: Side
    change: Change
    bounds: tuple[float, float] | None
    verdict: GateVerdict
    reason: Reason | None
    """Why it is undecided."""
    runs_needed: int | None = None
    """Runs on each side that would probably decide; None: unknown, or too many to suggest."""

    @property
    def sides(self) -> tuple[Side, ...]:
        return (self.current,) if self.baseline is None else (self.baseline, self.current)


def compared(
    baseline: Sequence[BenchRun], current: Sequence[BenchRun], terms: Terms
) -> tuple[LoadComparison, ...]:
    """One comparison for each load, in the order of `current`.

    BadInputError if the two sides were measured under different loads, one run stands in both or twice in one,
    or a run has no tokens of the kind that is priced.
    """
    _reject_copies([*baseline, *current])
    before, after = _by_load(baseline), _by_load(current)
    if terms.limit.change is not None and before.keys() != after.keys():
        raise BadInputError(_different_loads(list(before), list(after)))
    past_confidence = 1 - (1 - terms.confidence) / len(after)
    return tuple(
        _compared(load, before.get((tool, load), ()), runs, terms, past_confidence)
        for (tool, load), runs in after.items()
    )


def gate_verdict(found: Sequence[LoadComparison]) -> GateVerdict:
    """Of all loads together; a load whose rate the test itself set counts only if there is no other."""
    telling = [each.verdict for each in found if each.reason != "load_limited"]
    return overall(telling or [each.verdict for each in found])


def _compared(
    load: str, baseline: Sequence[BenchRun], current: Sequence[BenchRun], terms: Terms, past_confidence: float
) -> LoadComparison:
    before = None if terms.limit.change is None else _side(baseline, terms.baseline_usd_per_hour, terms.per)
    after = _side(current, terms.current_usd_per_hour, terms.per)
    found = change(before.sample if before else None, after.sample, terms.known_noise)
    limit = terms.limit.log
    verdict = found.verdict(limit, terms.confidence, past_confidence=past_confidence)
    sides = [each for each in (before, after) if each is not None]
    reason = _reason(found, verdict, sides, terms)
    needed = None
    if reason == "too_noisy":
        samples = [each.sample for each in sides]
        needed = runs_to_decide(found, samples, limit, past_confidence, terms.known_noise)
    bounds = found.bounds(terms.confidence)
    decided = verdict if reason is None else "undecided"
    return LoadComparison(load, before, after, found, bounds, decided, reason, needed)


def _reason(found: Change, verdict: GateVerdict, sides: Sequence[Side], terms: Terms) -> Reason | None:
    runs = [run for side in sides for run in side.runs]
    if len(sides) > 1 and _lengths_differ(*sides):
        return "different_lengths"
    if verdict == "within" and any(run.failed_share > MOST_FAILED_SHARE for run in runs):
        return "failed_requests"
    if verdict == "within" and terms.limit.change is not None and all(run.keeps_up for run in runs):
        return "load_limited"
    if verdict != "undecided":
        return None
    return "too_few_runs" if found.standard_error is None else "too_noisy"


def _side(runs: Sequence[BenchRun], usd_per_hour: Fraction | None, per: Per) -> Side:
    rates = [run.tokens_per_second(per) for run in runs]
    price = usd_per_hour or Fraction(1)
    sample = Sample(tuple(math.log(usd_per_million_tokens(price, exact(rate))) for rate in rates))
    middle = math.exp(sum(map(math.log, rates)) / len(rates))
    return Side(tuple(runs), middle, sample, math.exp(sample.mean) if usd_per_hour else None)


def _by_load(runs: Sequence[BenchRun]) -> dict[tuple[str, str], tuple[BenchRun, ...]]:
    found: dict[tuple[str, str], tuple[BenchRun, ...]] = {}
    for run in runs:
        key = (run.tool, run.load)
        found[key] = (*found.get(key, ()), run)
    return found


def _different_loads(baseline: Sequence[tuple[str, str]], current: Sequence[tuple[str, str]]) -> str:
    only = [
        f"only the {side} has {'; '.join(f'{load} ({tool})' for tool, load in mine if (tool, load) not in other)}"
        for side, mine, other in (("baseline", baseline, current), ("current side", current, baseline))
        if set(mine) - set(other)
    ]
    return f"the loads differ: {', '.join(only)}: measure both under one load, or choose one with --load"


def _reject_copies(runs: Sequence[BenchRun]) -> None:
    seen: dict[tuple[object, ...], BenchRun] = {}
    for run in runs:
        key = (run.tool, run.load, *run.measured)
        if (other := seen.get(key)) is not None:
            names = f"{other.place} and {run.place} are one run"
            said = f"{run.place} is given twice" if other.place == run.place else names
            raise BadInputError(f"{said}: give different runs, whose spread shows the noise")
        seen[key] = run


def _lengths_differ(baseline: Side, current: Side) -> bool:
    return any(
        before is not None and after is not None and abs(after - before) > LENGTHS_DIFFER_SHARE * before
        for before, after in zip(_lengths(baseline), _lengths(current), strict=True)
    )


def _lengths(side: Side) -> tuple[float | None, float | None]:
    return (
        _mean([run.prompt_tokens_per_request for run in side.runs]),
        _mean([run.output_tokens_per_request for run in side.runs]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value]
    return sum(known) / len(known) if known else None
