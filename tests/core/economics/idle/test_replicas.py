"""Fewer servers of a model, minute by minute."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.economics.idle.replicas import fewer_replicas, running_servers
from vllm_costmeter.core.economics.idle.saving import Delays, Saving
from vllm_costmeter.core.economics.idle.timeline import Replica, Step


def servers(*minutes_of: dict[int, Step]) -> list[Replica]:
    return [Replica("m", f"server {at}", "", 1, steps) for at, steps in enumerate(minutes_of)]


def busy(tokens: float, requests: float = 1, usd: float = 1.0) -> Step:
    return Step(60, requests, usd, tokens)


def test_servers_are_counted_in_each_minute() -> None:
    """One that follows another is not one more."""
    found = servers({0: busy(1), 60: busy(1)}, {60: busy(1), 120: busy(1)})
    assert running_servers(found) == {0: 1, 60: 2, 120: 1}


def test_each_server_left_works_at_the_fastest_rate_that_was_seen() -> None:
    """100 tokens a minute. Of 240, two servers leave 40 to the second minute, 12 s of work for both. One leaves 140, or
    84 s of work, and with the 10 of the second minute 50, or 30 s. Two requests wait, then three."""
    first, second = busy(80, 1, 2.0), busy(10 / 3, 1, 2.0)
    found = servers(
        {0: busy(100, 0, 2.0), 60: busy(10 / 3, 1, 2.0)},
        {0: busy(60, 1, 2.0), 60: second},
        {0: first, 60: second},
    )
    two, one = fewer_replicas(found)
    assert two == Saving(
        "fewer_replicas", "2", pytest.approx(4.0), Delays(2, pytest.approx(24), pytest.approx(12)), 0, True
    )  # type: ignore[arg-type]
    waits = 2 * 84 + 3 * 30
    assert one == Saving(
        "fewer_replicas", "1", pytest.approx(8.0), Delays(5, pytest.approx(waits), 84), 0, True
    )  # type: ignore[arg-type]


def test_work_that_fits_its_minute_waits_for_nothing() -> None:
    """To the last token."""
    (one,) = fewer_replicas(servers({0: busy(100)}, {0: busy(0)}))
    assert (one.usd, one.delays) == (1.0, Delays(0, 0.0, 0.0))


def test_less_than_a_token_too_much_waits_too() -> None:
    """Half a token of 100 a minute is 0.3 s of work, for the two requests of its minute."""
    (one,) = fewer_replicas(servers({0: busy(100)}, {0: busy(0.5)}))
    assert one.delays == Delays(2, pytest.approx(0.6), pytest.approx(0.3))  # type: ignore[arg-type]


def test_a_minute_in_which_fewer_ran_saves_nothing() -> None:
    """Two servers in the first minute, one in the second, three in the third, each for a dollar."""
    found = servers({0: busy(1), 60: busy(1), 120: busy(1)}, {0: busy(1), 120: busy(1)}, {120: busy(1)})
    assert [(each.setting, each.usd) for each in fewer_replicas(found)] == [
        ("2", pytest.approx(1)),
        ("1", pytest.approx(3)),
    ]


def test_one_server_at_a_time_or_no_tokens_leave_nothing_to_judge() -> None:
    """A pooling model generates none; no minutes say nothing."""
    assert list(fewer_replicas(servers({0: busy(1)}, {60: busy(1)}))) == []
    assert list(fewer_replicas(servers({0: busy(0)}, {0: busy(0)}))) == []
    assert list(fewer_replicas(servers({}, {}))) == []
