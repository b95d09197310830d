"""Runs before and after a change, load by load: their cost, what is no comparison, and when it decides."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import count
from typing import Any

import pytest

from vllm_costmeter.core.economics.bench_run import BenchRun
from vllm_costmeter.core.economics.load_comparison import (
    CostLimit,
    LoadComparison,
    Terms,
    compared,
    gate_verdict,
)
from vllm_costmeter.core.errors import BadInputError

NUMBERS = count(1)
NO_RISE, TENTH = CostLimit(change=Fraction(0)), CostLimit(change=Fraction(1, 10))
ONE_DOLLAR_AT_1000 = Fraction("3.6")
"""USD per hour that make 1,000 tokens per second cost 1 USD per million."""


def runs(*generated: float, load: str = "A", **more: Any) -> list[BenchRun]:
    """At these rates, each with a duration that no other run has, and as many prompt tokens as generated ones."""
    known: dict[str, Any] = {
        "place": f"{load}.json",
        "tool": "tool",
        "load": load,
        "requests_per_second": 10.0,
    }
    return [
        BenchRun(
            total_tokens_per_second=2 * rate,
            generated_tokens_per_second=rate,
            seconds=60.0 + next(NUMBERS),
            **(known | more),
        )
        for rate in generated
    ]


def one(
    before: list[BenchRun], after: list[BenchRun], limit: CostLimit = NO_RISE, **terms: Any
) -> LoadComparison:
    """The comparison of runs under one load."""
    (found,) = compared(before, after, Terms(limit, **terms))
    return found


def test_a_limit_is_a_rise_or_an_amount() -> None:
    """No rise is a limit too: the allowed ratio is 1 then."""
    assert CostLimit(change=Fraction(3, 100)).log == math.log(1.03)
    assert CostLimit(change=Fraction(0)).log == 0
    assert CostLimit(usd_per_million=Fraction(1, 4)).log == math.log(0.25)


def test_each_side_costs_the_geometric_mean_of_its_runs_at_its_own_price() -> None:
    """500 and 2,000 tokens per second are 1,000 in the middle: 1 USD before, twice that at twice the price."""
    prices = {
        "baseline_usd_per_hour": ONE_DOLLAR_AT_1000,
        "current_usd_per_hour": 2 * ONE_DOLLAR_AT_1000,
    }
    found = one(runs(500, 2000), runs(500, 1000, 2000), **prices)
    assert found.baseline is not None
    before, after = found.sides
    assert (before, after) == (found.baseline, found.current)
    assert (len(before.runs), len(after.runs)) == (2, 3)
    assert before.tokens_per_second == pytest.approx(1000)
    assert before.sample.logs == pytest.approx((math.log(2), math.log(0.5)))
    assert before.usd_per_million_tokens == pytest.approx(1)
    assert after.usd_per_million_tokens == pytest.approx(2)
    assert found.change.estimate == pytest.approx(math.log(2))


def test_without_a_price_both_sides_cost_the_same_and_no_dollars_are_shown() -> None:
    """Half as many tokens per second are twice the cost, of all tokens as of generated ones."""
    for per in ("generated", "all"):
        found = one(runs(1000), runs(500), per=per)
        assert [side.usd_per_million_tokens for side in found.sides] == [None, None]
        assert found.change.estimate == pytest.approx(math.log(2))
        assert found.current.tokens_per_second == pytest.approx(500 if per == "generated" else 1000)
        assert found.current.sample.mean == pytest.approx(
            math.log(1e6 / 3600 / found.current.tokens_per_second)
        )


def test_a_limit_in_dollars_is_held_against_the_current_side_alone() -> None:
    """Whatever the baseline was, under whatever load."""
    limit = CostLimit(usd_per_million=Fraction(2))
    after = runs(1000, 1001, 1002)
    found = one(runs(1, load="B"), after, limit, current_usd_per_hour=ONE_DOLLAR_AT_1000)
    assert (found.baseline, found.sides, found.verdict) == (None, (found.current,), "within")
    assert found.change.estimate == pytest.approx(math.log(1 / 1.001), rel=1e-3)
    assert found.bounds == found.change.bounds(0.99)


@pytest.mark.parametrize(
    ("loads", "errors", "verdict"),
    [("A", 2.40, "past"), ("AB", 2.40, "undecided"), ("AB", 2.60, "past"), ("ABC", 2.60, "undecided")],
)
def test_an_alarm_is_as_rare_with_several_loads_as_with_one(loads: str, errors: float, verdict: str) -> None:
    """A load is past from 2.33 standard errors, of two from 2.58, of three from 2.71: 1 in 100, 200 and 300."""
    noise = 0.01
    slower = 1000 * math.exp(-errors * noise * math.sqrt(2))
    found = compared(
        [run for load in loads for run in runs(1000, load=load)],
        [run for load in loads for run in runs(slower, load=load)],
        Terms(NO_RISE, known_noise=noise),
    )
    assert [(each.load, each.verdict) for each in found] == [(load, verdict) for load in loads]


def test_a_load_is_within_at_the_stated_confidence_however_many_there_are() -> None:
    """2.4 standard errors below the limit, where 2.33 are needed."""
    faster = 1000 * math.exp(2.4 * 0.01 * math.sqrt(2))
    before = [*runs(1000), *runs(1000, load="B")]
    found = compared(before, [*runs(faster), *runs(faster, load="B")], Terms(NO_RISE, known_noise=0.01))
    assert [each.verdict for each in found] == ["within", "within"]
    assert gate_verdict(found) == "within"


def test_loads_come_in_the_order_of_the_current_side() -> None:
    """Each with its own baseline; runs of one load need not stand together."""
    before = [*runs(10, load="B"), *runs(1000), *runs(20, load="B")]
    found = compared(before, [*runs(1000), *runs(20, load="B")], Terms(TENTH))
    assert [(each.load, len(each.baseline.runs) if each.baseline else 0) for each in found] == [
        ("A", 1),
        ("B", 2),
    ]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("AB", "A", "the loads differ: only the baseline has B (tool): measure both"),
        ("A", "ABC", "the loads differ: only the current side has B (tool); C (tool): measure both"),
        (
            "AB",
            "BC",
            "the loads differ: only the baseline has A (tool), only the current side has C (tool): measure",
        ),
    ],
)
def test_loads_that_one_side_has_alone_are_named(before: str, after: str, says: str) -> None:
    """And no others."""
    with pytest.raises(BadInputError) as fault:
        compared(
            [run for load in before for run in runs(1, load=load)],
            [run for load in after for run in runs(1, load=load)],
            Terms(NO_RISE),
        )
    assert str(fault.value).startswith(says)


def test_one_run_given_twice_is_refused() -> None:
    """It would show no noise, under one name or two, on one side or on both."""
    (first,) = runs(1000)
    moved = replace(first, place="copy.json")
    for before, after in (([first, first], runs(1)), (runs(1), [first, first]), ([first], [first])):
        with pytest.raises(BadInputError, match=r"^A\.json is given twice: give different runs"):
            one(before, after)
    with pytest.raises(BadInputError, match=r"^A\.json and copy\.json are one run: give"):
        one([first], [moved])
    assert one([first], [replace(first, seconds=1.0)]).reason == "too_few_runs"


LENGTHS = "prompt_tokens_per_request", "output_tokens_per_request"


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(
    ("before", "after", "differ"),
    [
        (100, 100, False),
        (100, 110, False),
        (100, 111, True),
        (100, 89, True),
        (None, 111, False),
        (100, None, False),
    ],
)
def test_requests_of_another_length_are_another_load(
    length: str, before: float | None, after: float | None, differ: bool
) -> None:
    """From a tenth, of prompts or of answers; what a tool does not say is not compared. Then nothing is decided."""
    known: dict[str, Any] = {"completed": 10} | dict.fromkeys(LENGTHS, 50)
    found = one(
        runs(1000, **(known | {length: before})), runs(500, **(known | {length: after})), known_noise=0.01
    )
    expected = ("undecided", "different_lengths") if differ else ("past", None)
    assert (found.verdict, found.reason) == expected


def test_the_mean_length_is_of_the_runs_that_know_theirs() -> None:
    """100 and 120 are 110 on average, a tenth more than 100."""
    before = runs(1000, prompt_tokens_per_request=100)
    for last, reason in ((120, None), (123, "different_lengths")):
        after = [
            *runs(500, 500, prompt_tokens_per_request=None),
            *runs(500, prompt_tokens_per_request=100),
            *runs(500, prompt_tokens_per_request=last),
        ]
        assert one(before, after, known_noise=0.01).reason == reason


@pytest.mark.parametrize(("failed", "reason"), [(10, None), (11, "failed_requests")])
def test_a_pass_with_failed_requests_is_none(failed: int, reason: str | None) -> None:
    """More than 1 % of one run's requests, before or after; what is past the limit in spite of them stays past."""
    clean, faulty = {"completed": 1000}, {"completed": 1000 - failed, "failed": failed}
    for before, after in ((clean, faulty), (faulty, clean)):
        found = one(runs(1000, **before), [*runs(2000, **clean), *runs(2000, **after)], known_noise=0.01)
        assert (found.verdict, found.reason) == ("undecided" if reason else "within", reason)
        found = one(runs(1000, **before), runs(500, **after), known_noise=0.01)
        assert (found.verdict, found.reason) == ("past", None)


def test_a_load_that_sets_the_rate_itself_shows_no_cost() -> None:
    """If every run kept up with its arrivals; a limit in dollars holds all the same, and so does a rise."""
    waits = {"offered_requests_per_second": 10.0}
    limited = one(runs(1000, **waits), runs(1001, **waits), TENTH, known_noise=0.01)
    assert (limited.verdict, limited.reason) == ("undecided", "load_limited")
    slower = one(runs(1000, **waits), runs(500, **waits), TENTH, known_noise=0.01)
    assert (slower.verdict, slower.reason) == ("past", None)
    mixed = one(runs(1000), runs(1001, **waits), TENTH, known_noise=0.01)
    assert (mixed.verdict, mixed.reason) == ("within", None)
    dollars = CostLimit(usd_per_million=Fraction(2))
    found = one([], runs(1000, **waits), dollars, known_noise=0.01, current_usd_per_hour=ONE_DOLLAR_AT_1000)
    assert (found.verdict, found.reason) == ("within", None)
    assert gate_verdict([limited, mixed]) == "within"
    assert gate_verdict([limited, limited]) == "undecided"


def test_an_undecided_comparison_says_what_would_decide_it() -> None:
    """Single runs show no noise; noisy ones need more, of which only theirs are counted."""
    few = one(runs(1000), runs(1000), TENTH)
    assert (few.verdict, few.reason, few.bounds, few.runs_needed) == ("undecided", "too_few_runs", None, None)
    noisy = one(runs(1000, 1100), runs(1001, 1101), TENTH)
    assert (noisy.verdict, noisy.reason) == ("undecided", "too_noisy")
    assert noisy.runs_needed is not None
    assert one(runs(1000), runs(1000), TENTH, known_noise=0.01).runs_needed is None
