"""A server that goes off when it was idle for a while: its seconds, its starts and who waits."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.economics.idle.saving import Delays
from vllm_costmeter.core.economics.idle.time_out import Replayed, replayed
from vllm_costmeter.core.economics.idle.timeline import Arrivals, Busy, Span


def day(*busy: Busy, end: float = 10_000) -> Span:
    return Span(0, end, busy)


LATE = Busy(
    5000,
    5200,
    (Arrivals(5000, 5060, 6), Arrivals(5060, 5120, 6), Arrivals(5090, 5090, 5), Arrivals(5120, 5180, 6)),
)
"""Whose last request runs for 20 s."""


def test_requests_wait_until_the_server_is_back() -> None:
    """After 90 s: six for 60 s on average, three of the next six for 15, and none of those that come at that moment or
    later. The work ends no later, as the last request comes after the start."""
    found = replayed([day(LATE)], 600, 90)
    assert found == (4400 + 10_000 - 5200 - 600, 1, Delays(9, pytest.approx(6 * 60 + 3 * 15), 90))


def test_work_that_all_waited_ends_when_its_last_request_was_answered() -> None:
    """20 s after the start, which took 300: two minutes later than it did."""
    found = replayed([day(LATE)], 600, 300)
    waited = 6 * 270 + 6 * 210 + 5 * 210 + 6 * 150
    assert found == (4400 + 10_000 - 5320 - 600, 1, Delays(23, pytest.approx(waited), 300))


def test_somebody_waits_for_every_start() -> None:
    """The request that caused it, from beginning to end, however thinly the requests are spread."""
    thin = Busy(5000, 5910, (Arrivals(5000, 5900, 1),))
    assert replayed([day(thin)], 600, 90).delays == Delays(1, 90, 90)


def test_who_returns_at_once_lets_nobody_wait() -> None:
    """It goes off and comes back all the same."""
    assert replayed([day(LATE)], 600, 0) == (4400 + 4200, 1, Delays())


def test_a_server_is_off_only_after_its_time_out() -> None:
    """A request that comes at that very second finds it, and so does the end of the time that was paid."""
    work = Busy(600, 700, (Arrivals(600, 690, 10),))
    assert replayed([day(work, end=1300)], 600, 90) == (0, 0, Delays())
    assert replayed([day(work, end=1301)], 600, 90) == (1, 0, Delays())
    assert replayed([day(work, end=1000)], 600, 90) == (0, 0, Delays())
    assert replayed([day(work, end=1300)], 599, 90).starts == 1
    assert replayed([day()], 600, 90) == (9400, 0, Delays())


def test_work_that_comes_while_the_delayed_work_runs_does_not_end_it() -> None:
    """The first ends at 6010 after a start of 1000 s; the second would have ended at 5200."""
    first, second = Busy(5000, 5100, (Arrivals(5000, 5090, 1),)), Busy(5150, 5200, (Arrivals(5150, 5190, 1),))
    found = replayed([day(first, second)], 600, 1000)
    assert (found.off_seconds, found.starts) == (4400 + 10_000 - 6010 - 600, 1)


def test_spans_add_up_and_each_begins_with_a_server_that_is_up() -> None:
    """Nothing comes from nothing."""
    one = replayed([day(LATE)], 600, 90)
    both = replayed([day(LATE), day(LATE)], 600, 90)
    assert (both.off_seconds, both.starts) == (2 * one.off_seconds, 2)
    assert both.delays == Delays(18, 810, 90)
    assert replayed([], 600, 90) == Replayed() == (0, 0, Delays(0, 0, 0))
