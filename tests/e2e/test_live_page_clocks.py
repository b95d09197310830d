"""The live page in a real browser while clocks are set, on either side, and time zones change their offset."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest
from page_stand_in import (
    ASK_AT_ONCE,
    LATEST,
    NOTICE,
    NUMBERS,
    STATE,
    PageServer,
    at_an_address,
    must_be_right,
    seen,
)

from scripts.live_page.browser import look

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("page_browser")]

HOUR, DAY = 3600.0, 86400.0
SET_CLOCK = """
window.ahead = %s;
const [real, realDate] = [Date.now.bind(Date), Date];
Date.now = () => real() + ahead * 1000;
"""
TICKS = """(() => {
  const [axis] = charts.tokens.plot.axes;
  return [axis._splits, axis._values, axis._splits.map(clock)];
})()"""


def after_two_seconds(server: PageServer) -> Callable[[int, str], Any]:
    """Its answers."""
    return lambda asked, query: server.serve(2).data(query)


@pytest.mark.parametrize("jump", [DAY, -DAY, HOUR, -HOUR])
def test_a_servers_clock_that_is_set_moves_every_moment_and_no_number(jump: float) -> None:
    """By a day or an hour, while the page is open."""
    server = PageServer().serve(2 * HOUR)

    def answer(asked: int, query: str) -> Any:
        if asked == 2:
            server.began += jump
        return server.serve(2).data(query)

    with at_an_address(answer) as (url, _):
        after_the_jump = {"until": f"{LATEST} >= {2 * HOUR + 8}"}
        numbers, state, notice = seen(
            url, after_the_jump, {"script": NUMBERS}, {"script": STATE}, {"script": NOTICE}
        )
    must_be_right(numbers, server.uptime)
    assert numbers["unix"] == pytest.approx(server.began + server.uptime, abs=60)
    assert (state, notice) == ("Live", "")


@pytest.mark.parametrize("off", [5 * HOUR, -5 * HOUR])
@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_the_browsers_clock_decides_nothing(off: float, jump: float) -> None:
    """Hours off, and set by a day while the page is open: times are the server's, and questions keep their pace."""
    server = PageServer().serve(2 * HOUR)
    with at_an_address(after_two_seconds(server)) as (url, door):
        steps = (
            {"until": "store.current"},
            {"script": f"ahead += {jump}"},
            {"wait": 6000},
            {"script": NUMBERS},
            {"script": STATE},
            {"script": NOTICE},
        )
        _, numbers, state, notice = seen(url, *steps, init=SET_CLOCK % off)
    must_be_right(numbers, server.uptime)
    assert numbers["unix"] == pytest.approx(server.began + server.uptime, abs=60)
    assert (state, notice) == ("Live", "")
    gaps = [after - before for before, after in zip(door.asked, door.asked[1:], strict=False)]
    assert min(gaps) > 0.5, "as often as before"


@pytest.mark.parametrize(
    ("zone", "turn"),
    [
        ("Europe/Berlin", "2026-10-25T01:00:00+00:00"),
        ("Europe/Berlin", "2027-03-28T01:00:00+00:00"),
        ("Australia/Lord_Howe", "2026-10-03T15:30:00+00:00"),  # by half an hour
    ],
)
def test_a_time_zone_may_change_its_offset_within_what_is_shown(zone: str, turn: str) -> None:
    """In the last hour, in a day and in a week: the axis goes on, with the browser's time at each mark."""
    moment = datetime.fromisoformat(turn).timestamp()
    looks: list[dict[str, Any]] = []
    with ExitStack() as open_pages:
        for name, uptime in (("hour", 1.5 * HOUR), ("start", 30 * HOUR), ("start", 6 * DAY)):
            server = PageServer(began=moment - uptime + 1800).serve(uptime, step=5)
            url, _ = open_pages.enter_context(at_an_address(after_two_seconds(server)))
            steps = (
                {"tell": "Emulation.setTimezoneOverride", "given": {"timezoneId": zone}},
                {"script": f"document.querySelector('input[value={name}]').click()"},
                {"script": ASK_AT_ONCE},
                {"script": NUMBERS},
                {"script": TICKS},
            )
            looks.append({"url": url, "theme": "light", "width": 1280, "steps": steps})
        pages = look(looks)
    for found in pages:
        numbers, (splits, values, clocks) = found["answers"][-2:]
        assert found["complaints"] == []
        must_be_right(numbers, numbers["uptime"])
        assert len(splits) >= 3
        assert splits == sorted(set(splits))
        if splits[-1] - splits[0] < 2 * DAY:
            assert values == clocks
            between = [after - before for before, after in itertools.pairwise(splits)]
            assert max(between) < 2.1 * min(between)
        else:
            assert len(set(values)) == len(values), "a day is named once"


def test_a_traveller_sees_the_time_of_the_new_place() -> None:
    """The zone changes while the page is open."""
    server = PageServer(began=datetime.fromisoformat("2026-06-01T10:00:00+00:00").timestamp()).serve(HOUR)
    marks = "document.querySelector('#tokens-said').textContent"
    steps = (
        {"tell": "Emulation.setTimezoneOverride", "given": {"timezoneId": "Europe/London"}},
        {"until": f"{marks}.includes('to 12:00')"},
        {"script": marks},
        {"tell": "Emulation.setTimezoneOverride", "given": {"timezoneId": "Asia/Tokyo"}},
        {"until": f"{marks}.includes('to 20:00')"},
        {"script": marks},
        {"script": LATEST},
    )
    with at_an_address(after_two_seconds(server)) as (url, _):
        london, tokyo, uptime = seen(url, *steps)
    assert "to 12:00" in london
    assert "to 20:00" in tokyo
    assert server.uptime - uptime <= 60
