"""Requests share the server's time."""

from __future__ import annotations

from vllm_costmeter.core.requests.time_share import TimeShares


def test_a_request_has_its_part_of_each_moment() -> None:
    """Alone all of it, two of them half each; what nobody ran in is nobody's."""
    shares = TimeShares(engines=1)
    first = shares.begin(10.0)
    second = shares.begin(14.0)
    assert shares.since(first, 16.0) == 5.0
    assert shares.since(second, 16.0) == 1.0
    shares.end(16.0)
    assert shares.since(second, 20.0) == 5.0
    shares.end(20.0)
    third = shares.begin(100.0)
    assert shares.since(third, 101.0) == 1.0


def test_a_request_alone_has_one_of_several_engines() -> None:
    """The others are not its own."""
    shares = TimeShares(engines=4)
    begun = shares.begin(0.0)
    assert shares.since(begun, 4.0) == 1.0


def test_a_clock_that_goes_back_takes_nothing() -> None:
    """Nor does an end without a beginning."""
    shares = TimeShares(engines=1)
    shares.end(1.0)
    begun = shares.begin(5.0)
    assert shares.since(begun, 3.0) == 0.0
    assert shares.since(begun, 4.0) == 1.0
