"""How far the serving model lies from measurements."""

from __future__ import annotations

import statistics
from functools import cache

from scripts.accuracy import recommended_rows, serving_page, serving_runs
from scripts.accuracy.serving_errors import Error, error_of


@cache
def errors() -> list[Error]:
    """Of every committed run with a steady state, and those that are simulated."""
    return [error_of(run) for run in (*serving_runs.committed(), *serving_runs.sweep())]


def test_the_page_shows_the_errors_and_estimates_of_today() -> None:
    """`python -m scripts.accuracy.serving_page` renews docs/serving.md."""
    assert serving_page.PAGE.read_text("utf-8") == serving_page.page(errors())


def test_the_goals_are_met_on_held_out_runs() -> None:
    """Median error of throughput 10 %, of TPOT 15 %, on models, GPUs and sources that no fit to serving saw."""
    held = [error for error in errors() if error.run.split.startswith("held-out")]
    assert len(held) > 600
    assert statistics.median(abs(each.rate) for each in held if each.rate is not None) <= 0.10
    assert statistics.median(abs(each.tpot) for each in held if each.tpot is not None) <= 0.15


def test_ttft_of_held_out_runs_at_half_load_is_within_a_quarter() -> None:
    """Servers with at most half of their places taken."""
    half = [
        each
        for each in errors()
        if each.ttft is not None
        and each.run.split.startswith("held-out")
        and each.run.concurrency <= each.run.most_running / 2
    ]
    assert len(half) > 400
    assert statistics.median(abs(each.ttft) for each in half if each.ttft is not None) <= 0.25


def test_the_recommended_run_is_near_the_cheapest_in_four_of_five_cells() -> None:
    """At most a tenth dearer, and at most a tenth above the limit of TPOT."""
    found = list(recommended_rows.choices(errors()))
    assert len(found) > 60
    assert sum(each.is_near for each in found) / len(found) >= 0.8
