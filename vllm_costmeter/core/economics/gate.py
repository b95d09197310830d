"""Whether cost per token rose past a limit, from repeated runs before and after a change.

The logarithm of the cost of each run is compared with Welch's t test for two means of unequal variance (B. L.
Welch, "The generalization of 'Student's' problem when several different population variances are involved",
Biometrika 34, 1947, with Satterthwaite's degrees of freedom), once against each side of the limit: "past" if the
change is above it with the stated confidence, "within" if it is below it with the same confidence (a test of
non-inferiority), "undecided" otherwise. Several loads are compared each on its own: all must be within, which needs
no correction (R. L. Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24, 1982),
and one past is enough, at a level divided by their number (Bonferroni), so that a false alarm is as rare as with one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.student_t import quantile

GateVerdict = Literal["within", "past", "undecided"]
EXIT_CODES: dict[GateVerdict, int] = {"within": 0, "past": 1, "undecided": 3}

FEWEST_RUNS = 2
MOST_RUNS_SUGGESTED = 50
LIKELY = 0.8
"""The power at which the suggested number of runs is calculated."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Cost per million tokens of the runs of one side, as logarithms; the unit of money does not matter."""

    logs: tuple[float, ...]

    @property
    def runs(self) -> int:
        return len(self.logs)

    @property
    def mean(self) -> float:
        """The logarithm of the geometric mean."""
        return fmean(self.logs)

    @property
    def noise(self) -> float | None:
        """Standard deviation from run to run, as a share; None with fewer than two runs."""
        return math.sqrt(variance(self.logs)) if self.runs >= FEWEST_RUNS else None


@dataclass(frozen=True, slots=True)
class Change:
    """How far the cost rose, as logarithms of ratios; None where the runs are too few to say."""

    estimate: float
    standard_error: float | None
    degrees_of_freedom: float

    def bounds(self, confidence: float) -> tuple[float, float] | None:
        """(at least, at most), each with `confidence`."""
        if self.standard_error is None:
            return None
        reach = quantile(confidence, self.degrees_of_freedom) * self.standard_error
        return self.estimate - reach, self.estimate + reach

    def verdict(self, limit: float, confidence: float, *, past_confidence: float) -> GateVerdict:
        """Against `limit`, the logarithm of the allowed ratio; with `past_confidence` for "past"."""
        past, within = self.bounds(past_confidence), self.bounds(confidence)
        if past and past[0] > limit:
            return "past"
        return "within" if within and within[1] <= limit else "undecided"


def change(baseline: Sample | None, current: Sample, known_noise: float | None = None) -> Change:
    """How far the cost of `current` is above that of `baseline`, or above 1 where there is no baseline.

    `known_noise` is a standard deviation from run to run that earlier runs showed: it makes single runs
    comparable, and replaces a smaller one measured here (a few runs may agree by chance).
    """
    samples = [current] if baseline is None else [baseline, current]
    estimate = current.mean - (0.0 if baseline is None else baseline.mean)
    shown = [(noise, each.runs) for each in samples if (noise := each.noise) is not None]
    if len(shown) < len(samples):
        spread = None if known_noise is None else max([known_noise, *(noise for noise, _ in shown)])
        return Change(estimate, _error(spread, samples), math.inf)
    parts = [(noise**2 / runs, runs - 1) for noise, runs in shown]
    measured = math.sqrt(sum(part for part, _ in parts))
    known = _error(known_noise, samples)
    if known is not None and known >= measured:
        return Change(estimate, known, math.inf)
    if not measured:  # equal to the last digit: their noise is not known, rather than none
        return Change(estimate, None, math.inf)
    freedom = sum(part for part, _ in parts) ** 2 / sum(part**2 / its_own for part, its_own in parts)
    return Change(estimate, measured, freedom)


def _error(noise: float | None, samples: Sequence[Sample]) -> float | None:
    """The standard error of the change at one noise for all runs."""
    return None if noise is None else math.sqrt(sum(noise**2 / each.runs for each in samples))


def runs_to_decide(
    found: Change,
    samples: Sequence[Sample],
    limit: float,
    confidence: float,
    known_noise: float | None = None,
) -> int | None:
    """Runs on each side that would decide four times of five, if change and noise stay as measured.

    None if that takes more than `MOST_RUNS_SUGGESTED`, or the noise is not known.
    """
    noises = [max(each.noise or 0.0, known_noise or 0.0) for each in samples]
    if not all(noises):
        return None
    spread = math.sqrt(sum(noise**2 for noise in noises) / len(noises) * len(samples))
    margin = abs(found.estimate - limit)
    for runs in range(FEWEST_RUNS, MOST_RUNS_SUGGESTED + 1):
        freedom = len(samples) * (runs - 1)
        needed = quantile(confidence, freedom) + quantile(LIKELY, freedom)
        if margin >= needed * spread / math.sqrt(runs):
            return runs
    return None


def overall(verdicts: Sequence[GateVerdict]) -> GateVerdict:
    """Of several loads together: past if one is, within if all are."""
    if "past" in verdicts:
        return "past"
    return "within" if verdicts and set(verdicts) == {"within"} else "undecided"
