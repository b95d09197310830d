"""The moments that a page draws."""

from __future__ import annotations

import itertools
import json

import pytest

from vllm_costmeter.core.page.columns import Column
from vllm_costmeter.core.page.history import MOST_COLUMNS, MOST_MOMENTS, History

VALUES: dict[Column, float] = {("", f"column {number}"): 123456.7891 * number for number in range(30)}


def after(seconds: int, step: int = 1) -> History:
    """A server that was noted once a second."""
    history = History()
    for second in range(0, seconds + 1, step):
        if history.is_due(second):
            history.add(second, VALUES)
    return history


def times(history: History, since: float = -1.0) -> list[float]:
    return [json.loads(row)[0] for row in history.rows(since)]


@pytest.mark.parametrize("seconds", [0, 1, 30, 700, 3600, 20_000, 200_000])
def test_the_last_hour_is_close_and_the_rest_reaches_back_to_the_start(seconds: int) -> None:
    """From the first second to days: in order, without doubles, at most ten seconds apart in the last hour."""
    found = times(after(seconds))
    assert found == sorted(set(found))
    assert found[0] == 0
    assert seconds - found[-1] <= 10
    last_hour = [each for each in found if each >= seconds - 3590]
    assert all(later - earlier <= 10 for earlier, later in itertools.pairwise(last_hour))
    assert len(found) <= 2 * MOST_MOMENTS


def test_it_takes_less_than_a_megabyte_whatever_the_uptime() -> None:
    """30 columns of ten digits."""
    history = after(400_000)
    assert sum(len(row) + 50 for row in history.rows()) < 600_000


def test_a_page_that_knows_the_past_gets_only_what_is_new() -> None:
    """After its last moment."""
    history = after(5000)
    assert times(history, 4985) == [each for each in times(history) if each > 4985]
    assert times(history, 5000) == []


def test_a_column_keeps_its_place() -> None:
    """One that appears later is missing in earlier rows; one that is gone is null."""
    history = History()
    history.add(0, {("", "a"): 1})
    history.add(10, {("", "b"): 2.5})
    assert history.columns == [("", "a"), ("", "b")]
    assert [json.loads(row) for row in history.rows()] == [[0, 1], [10, None, 2.5]]


def test_servers_that_come_and_go_do_not_let_it_grow() -> None:
    """Columns end somewhere."""
    history = History()
    for number in range(5000):
        history.row(number, {(str(number), "usd:active"): 1.0})
    assert len(history.columns) == MOST_COLUMNS


def test_a_clock_that_stood_still_repeats_no_moment() -> None:
    """A tick that comes twice in a second is kept once."""
    history = History()
    for _ in range(3):
        history.add(5.0, VALUES)
    assert times(history) == [5.0]
