"""The cost gate on simulated runs, and where it must not decide."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable

import pytest

from vllm_costmeter.core.economics.gate import EXIT_CODES, Change, Sample, change, overall, runs_to_decide

LIMIT = math.log(1.03)
COMPARISONS = 400
Noise = Callable[[random.Random], float]


def normal(chance: random.Random) -> float:
    return chance.gauss(0, 1)


def heavy_tailed(chance: random.Random) -> float:
    """Student's t with four degrees of freedom, scaled to a standard deviation of 1."""
    spread = math.sqrt(sum(chance.gauss(0, 1) ** 2 for _ in range(4)) / 4)
    return chance.gauss(0, 1) / spread / math.sqrt(2)


def sometimes_slow(chance: random.Random) -> float:
    """One run in ten costs three standard deviations more, as on a GPU that throttled."""
    return chance.gauss(0, 1) + (3 if chance.random() < 0.1 else 0)


def verdicts(rise: float, noise: float, runs: int, shape: Noise = normal) -> Counter[str]:
    """Of `COMPARISONS` comparisons with that rise of cost."""
    chance = random.Random(20261128)

    def sample(middle: float) -> Sample:
        return Sample(tuple(middle + noise * shape(chance) for _ in range(runs)))

    return Counter(
        change(sample(0.0), sample(math.log(1 + rise))).verdict(LIMIT, 0.99, past_confidence=0.99)
        for _ in range(COMPARISONS)
    )


@pytest.mark.parametrize(("noise", "runs"), [(0.005, 5), (0.0075, 7), (0.01, 11)])
def test_a_rise_of_5_percent_is_found_and_none_is_no_alarm(noise: float, runs: int) -> None:
    """With the runs that docs/gate.md names for this noise: at least 95 of 100 found, at most 1 false alarm in 100."""
    assert verdicts(0.05, noise, runs)["past"] >= 0.95 * COMPARISONS
    same = verdicts(0.0, noise, runs)
    assert same["past"] <= 0.01 * COMPARISONS
    assert same["within"] >= 0.95 * COMPARISONS


@pytest.mark.parametrize("shape", [normal, heavy_tailed, sometimes_slow])
@pytest.mark.parametrize(("noise", "runs"), [(0.005, 5), (0.03, 5), (0.05, 2)])
def test_neither_verdict_is_wrong_more_often_than_stated(shape: Noise, noise: float, runs: int) -> None:
    """At no change there is no alarm, and a rise past the limit does not pass, whatever the noise: it is undecided."""
    allowed = 0.01 * COMPARISONS
    assert verdicts(0.0, noise, runs, shape)["past"] <= allowed
    assert verdicts(0.05, noise, runs, shape)["within"] <= allowed


def test_at_the_limit_itself_both_errors_are_as_rare_as_stated() -> None:
    """1 in 100 for each verdict, within what 400 comparisons can show (99.9 % of such counts are at most 11)."""
    found = verdicts(0.03, 0.01, 6)
    assert max(found["past"], found["within"]) <= 11
    assert found["undecided"] >= 0.9 * COMPARISONS


def test_one_run_decides_nothing() -> None:
    """Its noise is not known, unless it is stated."""
    found = change(Sample((0.0,)), Sample((1.0,)))
    assert found.standard_error is None
    assert found.verdict(LIMIT, 0.99, past_confidence=0.99) == "undecided"
    stated = change(Sample((0.0,)), Sample((1.0,)), known_noise=0.01)
    assert stated.verdict(LIMIT, 0.99, past_confidence=0.99) == "past"


def test_equal_runs_are_not_without_noise() -> None:
    """Runs that agree to the last digit say nothing about the noise."""
    found = change(Sample((0.0, 0.0)), Sample((1.0, 1.0)))
    assert found.verdict(LIMIT, 0.99, past_confidence=0.99) == "undecided"


def test_a_stated_noise_replaces_only_a_smaller_one() -> None:
    """Two runs may agree by chance; runs that differ more than stated are believed."""
    alike, apart = Sample((0.0, 1e-6)), Sample((0.0, 0.2))
    assert change(alike, alike, known_noise=0.01).standard_error == pytest.approx(0.01)
    assert change(apart, apart, known_noise=0.01).standard_error == change(apart, apart).standard_error
    single = change(apart, Sample((0.0,)), known_noise=0.01).standard_error
    assert single is not None
    assert single > 0.1  # the one side that shows its noise contradicts the statement


def test_the_suggested_number_of_runs_decides() -> None:
    """Most comparisons with as many runs are decided; close to the limit, or without a noise, none is suggested."""
    noise = 0.01
    first = [Sample((0.0, noise, -noise)), Sample(tuple(math.log(1.05) + x for x in (0.0, noise, -noise)))]
    runs = runs_to_decide(change(*first), first, LIMIT, 0.99)
    assert runs is not None
    assert verdicts(0.05, noise, runs)["past"] >= 0.7 * COMPARISONS
    close = [Sample((0.0, noise)), Sample((LIMIT, LIMIT + noise))]
    assert runs_to_decide(change(*close), close, LIMIT, 0.99) is None
    single = [Sample((0.0,)), Sample((1.0,))]
    assert runs_to_decide(change(*single), single, LIMIT, 0.99) is None
    assert runs_to_decide(change(*single), single, LIMIT, 0.99, 0.01) == 2


@pytest.mark.parametrize(
    ("noises", "margin", "runs"),
    [
        ((0.01, 0.01), 0.081, 2),
        ((0.01, 0.01), 0.080, 3),
        ((0.01, 0.01), 0.0385, 3),
        ((0.01, 0.01), 0.0380, 4),
        ((0.01, 0.01), 0.00645, 50),
        ((0.01, 0.01), 0.00640, None),
        ((0.01, 0.02), 0.061, 3),
        ((0.01, 0.02), 0.060, 4),
        ((0.01,), 0.24, 2),
        ((0.01,), 0.23, 3),
    ],
)
def test_the_suggested_runs_are_those_of_the_tables_of_t(
    noises: tuple[float, ...], margin: float, runs: int | None
) -> None:
    """n runs a side decide if the margin is (t(0.99) + t(0.8)) x noise x sqrt(sides / n), above the limit or below it.

    Of sides x (n - 1) degrees: 6.965 + 1.061 at 2, 3.747 + 0.941 at 4, 2.365 + 0.845 at 98, 31.821 + 1.376 at 1.
    """
    sides = [Sample((-noise, 0.0, noise)) for noise in noises]
    for estimate in (LIMIT + margin, LIMIT - margin):
        assert runs_to_decide(Change(estimate, 0.01, 4), sides, LIMIT, 0.99) == runs


def test_a_stated_noise_counts_for_the_runs_to_come() -> None:
    """Where it is larger than what these runs showed, on either side."""
    sides = [Sample((0.0, 1e-6)), Sample((-0.001, 0.0, 0.001))]
    assert runs_to_decide(Change(LIMIT + 0.0385, 0.01, 4), sides, LIMIT, 0.99, 0.01) == 3
    assert runs_to_decide(Change(LIMIT + 0.0380, 0.01, 4), sides, LIMIT, 0.99, 0.01) == 4
    assert (
        runs_to_decide(Change(LIMIT + 0.1, None, math.inf), [Sample((0.0,)), sides[1]], LIMIT, 0.99) is None
    )


def test_welchs_standard_error_and_satterthwaites_degrees_of_freedom() -> None:
    """Variances of 0.0001 over 3 runs and 0.0008 over 2: their sum is 0.000433, and of degrees there are
    0.000433^2 / (0.0000333^2 / 2 + 0.0004^2 / 1) = 1.17."""
    before, after = Sample((-0.01, 0.0, 0.01)), Sample((0.48, 0.52))
    found = change(before, after)
    assert found.estimate == pytest.approx(0.5)
    assert found.standard_error == pytest.approx(0.0208167, rel=1e-5)
    assert found.degrees_of_freedom == pytest.approx(1.169550, rel=1e-5)
    alone = change(None, before)
    assert alone.standard_error == pytest.approx(0.01 / math.sqrt(3))
    assert alone.degrees_of_freedom == pytest.approx(2)
    assert change(None, after).estimate == 0.5


def test_a_known_noise_is_normal() -> None:
    """Its standard error is noise x sqrt(1 / runs + 1 / runs), also where it equals what the runs showed."""
    before, after = Sample((-0.01, 0.0, 0.01)), Sample((0.5,))
    assert change(before, after, known_noise=0.03) == Change(
        0.5, pytest.approx(0.03 * math.sqrt(4 / 3)), math.inf
    )  # type: ignore[arg-type]
    same = Sample((0.0, 0.02))
    assert change(same, same, known_noise=same.noise).degrees_of_freedom == math.inf
    assert change(same, same).degrees_of_freedom == pytest.approx(2)


def test_bounds_lie_on_both_sides_and_the_limit_itself_is_within() -> None:
    """2.896 standard errors at 99 % and 8 degrees; past needs more than the limit, at the confidence of an alarm."""
    found = Change(0.5, 0.1, 8)
    bounds = found.bounds(0.99)
    assert bounds == pytest.approx((0.5 - 0.2896, 0.5 + 0.2896), abs=1e-4)
    assert bounds is not None
    low, high = bounds
    assert found.verdict(high, 0.99, past_confidence=0.99) == "within"
    assert found.verdict(math.nextafter(high, 0), 0.99, past_confidence=0.99) == "undecided"
    assert found.verdict(low, 0.99, past_confidence=0.99) == "undecided"
    assert found.verdict(math.nextafter(low, 0), 0.99, past_confidence=0.99) == "past"
    assert found.verdict(math.nextafter(low, 0), 0.99, past_confidence=0.995) == "undecided"
    assert found.verdict(high, 0.99, past_confidence=0.995) == "within"


def test_the_noise_of_two_runs_is_their_standard_deviation() -> None:
    """One has none; the middle is the mean of the logarithms."""
    assert Sample((0.0, 0.02)).noise == pytest.approx(0.02 / math.sqrt(2))
    assert Sample((0.5,)).noise is None
    assert Sample((0.0, 0.02, 0.04)).mean == pytest.approx(0.02)


def test_several_loads_pass_together() -> None:
    """One past is enough; all must be within."""
    assert overall(["within", "past", "undecided"]) == "past"
    assert overall(["within", "undecided"]) == "undecided"
    assert overall(["within", "within"]) == "within"
    assert overall([]) == "undecided"


def test_each_verdict_has_its_exit_code() -> None:
    """2 is bad input, as in every command, and never a verdict."""
    assert EXIT_CODES == {"within": 0, "past": 1, "undecided": 3}


def test_a_pipeline_tells_the_verdicts_apart_by_the_exit_code() -> None:
    """0 passes, 1 is worse than allowed, 3 is not known; 2 is for bad input."""
    assert EXIT_CODES == {"within": 0, "past": 1, "undecided": 3}
