"""The actual cost of prefill and decode on this server, learned from its own intervals."""

from __future__ import annotations

import math

from vllm_costmeter.core.meter.split.roofline import GpuRates, ModelWork, RooflineSeconds
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.meter.work import Work

PRIOR_SECONDS = 1.0  # the roofline's ratio counts like a second of evidence on each cost; chosen, 2026-11
ENOUGH_SECONDS = 10.0  # the fit takes over when it has seen each phase apart for this long; chosen, 2026-11
MEMORY_SECONDS = (
    3600.0  # evidence fades over an hour of active time, so that a change of load or clocks is followed
)
LEAST_WEIGHT = 0.02  # of an interval that is half prefill and half decode; chosen, 2026-11
SWEEPS = 40  # coordinate descent on three unknowns converges in far fewer

Three = tuple[float, float, float]
"""Per computed prompt token, per decode token, per decode step."""


def _features(counts: StepCounts) -> Three:
    return (
        float(counts.prompt_computed_tokens),
        float(counts.decode_tokens),
        float(counts.decode_steps if counts.decode_tokens else 0),
    )


class MeasuredCosts:
    """Active seconds as a sum of three costs, each at least 0, fitted by weighted least squares with the roofline's
    ratios as prior:

        seconds = a x computed prompt tokens + b x decode tokens + c x decode steps

    A step has a fixed cost. Prefill's share of it is part of `a`, as when prefill runs alone, so sharing a decode step
    does not make prefill look cheaper.

    The overall scale (how much slower than the roofline this server is) is a free parameter; the prior covers only the
    ratios. So traffic of one constant mixture, which is no evidence about the ratio, keeps the roofline's. Memory is
    constant.
    """

    def __init__(self, model: ModelWork, rates: GpuRates) -> None:
        per_token = 2 * model.active_parameters / rates.flops_per_second
        per_step = model.bytes_per_step(1.0) / rates.memory_bytes_per_second
        self._prior: Three = (per_token, per_token, per_step)
        self._normal = [[0.0] * 3 for _ in range(3)]
        self._right = [0.0] * 3
        self._seconds = 0.0
        self._predicted_seconds = 0.0
        self._costs: Three | None = None
        """Each as a multiple of the roofline's cost; None before the first interval."""
        self.sufficient = False
        """Whether there is enough evidence about the ratio between the phases; stays true once it is."""

    def observe(self, work: Work) -> None:
        """Add one interval with tokens; longer intervals (seconds) are less blurred at their ends.

        An interval is weighted by the inverse of its expected time, so that the fit preserves the total: weighted by
        its measured time, the fast intervals of a noisy machine would count most. The more evenly it mixes the phases,
        the less it counts: in shared steps the phases slow each other down, and the slowdown cannot be attributed.
        """
        predicted = [count * unit for count, unit in zip(_features(work.counts), self._prior, strict=True)]
        fade = 0.5 ** (work.active_seconds / MEMORY_SECONDS)
        self._seconds = self._seconds * fade + work.active_seconds
        self._predicted_seconds = self._predicted_seconds * fade + sum(predicted)
        costs = self._costs or (self._scale,) * 3
        parts = [part * cost for part, cost in zip(predicted, costs, strict=True)]
        expected = sum(parts) or work.active_seconds
        purity = 1 - 2 * parts[0] / expected
        weight = max(LEAST_WEIGHT, purity**2) / expected
        for row in range(3):
            right = predicted[row] * work.active_seconds * weight
            self._right[row] = self._right[row] * fade + right
            for column in range(3):
                product = predicted[row] * predicted[column] * weight
                self._normal[row][column] = self._normal[row][column] * fade + product
        self._fit(list(costs))

    def seconds(self, done: StepCounts) -> RooflineSeconds:
        """The time of prefill and of decode in `done`, by the current fit."""
        costs = self._costs or (1.0,) * 3
        parts = [
            count * unit * cost for count, unit, cost in zip(_features(done), self._prior, costs, strict=True)
        ]
        return RooflineSeconds(prefill=parts[0], decode=parts[1] + parts[2])

    @property
    def _scale(self) -> float:
        """How many times slower than the roofline this server is overall."""
        return self._seconds / self._predicted_seconds

    def _fit(self, costs: list[float]) -> None:
        """Coordinate descent; the prior's weight is relative to each cost, so that a phase that is much more expensive
        than in the roofline is not held back by its scale."""
        for _ in range(SWEEPS):
            for row in range(3):
                precision = PRIOR_SECONDS / max(self._scale, costs[row]) ** 2
                others = sum(self._normal[row][k] * costs[k] for k in range(3) if k != row)
                wanted = self._right[row] + precision * self._scale - others
                costs[row] = max(0.0, wanted / (self._normal[row][row] + precision))
        self._costs = (costs[0], costs[1], costs[2])
        self.sufficient = self.sufficient or self._seconds_apart(self._costs) >= ENOUGH_SECONDS

    def _seconds_apart(self, costs: Three) -> float:
        """Seconds of evidence that separate the phases: the smaller eigenvalue of the evidence on (prefill, decode). 0
        if both always occurred in the same proportion; the shorter one's time if each occurred alone."""

        scaled = [[costs[i] * costs[j] * self._normal[i][j] for j in range(3)] for i in range(3)]
        prefill, both = scaled[0][0], scaled[0][1] + scaled[0][2]
        decode = scaled[1][1] + 2 * scaled[1][2] + scaled[2][2]
        return (prefill + decode) / 2 - math.hypot((prefill - decode) / 2, both)
