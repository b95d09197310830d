"""The fit check against the logs of real servers, on every run of the tests."""

from __future__ import annotations

import pytest

from scripts.accuracy import page as accuracy
from scripts.accuracy.logged_boots import boot_rows
from scripts.accuracy.logged_cases import case_rows
from scripts.accuracy.logged_start import LoggedStart


@pytest.fixture(scope="module")
def boots() -> list[LoggedStart]:
    """Every boot of the table."""
    return list(boot_rows())


@pytest.fixture(scope="module")
def cases() -> list[LoggedStart]:
    """Every posted start-up."""
    return list(case_rows())


def test_the_boots_meet_their_targets(boots: list[LoggedStart]) -> None:
    """At most 1 % off in the mean, never 5 %, never 2 % over, tokens exact to a block, all served."""
    targets = accuracy.boot_targets([row for row in boots if row.left_out is None])
    assert [target.text for target in targets if not target.holds] == []


def test_the_posted_cases_meet_their_targets(cases: list[LoggedStart]) -> None:
    """At most 3 % off in the median, every refusal seen, nothing refused that served."""
    assert [target.text for target in accuracy.case_targets(cases) if not target.holds] == []


def test_enough_is_counted_to_mean_something(boots: list[LoggedStart], cases: list[LoggedStart]) -> None:
    """36 boots and two dozen cases: a reader of the corpus that drops cases would not go unnoticed."""
    assert sum(row.left_out is None for row in boots) == 36
    assert sum(row.left_out is None for row in cases) >= 24


def test_every_large_error_has_a_cause(cases: list[LoggedStart]) -> None:
    """A miss is explained, or it is a defect."""
    large = [row.name for row in cases if row.left_out is None and accuracy.is_large(row)]
    assert set(large) <= set(accuracy.CAUSES)


def test_the_report_is_the_one_committed(boots: list[LoggedStart], cases: list[LoggedStart]) -> None:
    """docs/accuracy.md is written by the script, never by hand: `make accuracy` renews it."""
    assert accuracy.REPORT.read_text() == accuracy.report(boots, cases)
