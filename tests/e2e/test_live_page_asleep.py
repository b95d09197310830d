"""The live page in a real browser that sleeps: a laptop, a frozen or hidden tab, a stopped process."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from page_stand_in import (
    NOTICE,
    NUMBERS,
    STATE,
    PageServer,
    at_an_address,
    must_be_right,
    seen,
)

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("page_browser")]

MINUTE, HOUR = 60.0, 3600.0
CLOCKS = """
window.slept = { steady: 0, wall: 0 };
const [now, date] = [performance.now.bind(performance), Date.now.bind(Date)];
performance.now = () => now() + slept.steady * 1000;
Date.now = () => date() + slept.wall * 1000;
window.states = [];
new MutationObserver(() => {
  const state = document.getElementById('state'); // not there before the document has been read that far
  if (state) { states.push(state.textContent); }
}).observe(document, { subtree: true, childList: true });
"""
"""Those of the browser, which may or may not go on while the computer sleeps, and every state that was shown."""
FREEZE = {"tell": "Page.setWebLifecycleState", "given": {"state": "frozen"}}
THAW = {"tell": "Page.setWebLifecycleState", "given": {"state": "active"}}
HIDE, SHOW, WAIT = {"behind": True}, {"behind": False}, {"wait": 8000}
ASLEEP: dict[str, tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]] = {
    "frozen": ((HIDE, FREEZE, WAIT), (THAW, SHOW)),
    "hidden": ((HIDE, WAIT), (SHOW,)),
    "stopped": (({"stop": 8000},), ()),
}
"""How to fall asleep for some seconds, and how to wake up."""


class Sleeper:
    """A server on which hours pass between the last question before a sleep and the first one after it."""

    def __init__(self, server: PageServer, seconds: float, awake: PageServer | None = None) -> None:
        """`awake`: who answers afterwards, if it is another."""
        self.server, self._seconds, self._awake = server, seconds, awake
        self._last = 0.0
        self.has_slept = False

    def answer(self, passed: float, query: str) -> Any:
        if not self.has_slept and self._last and passed - self._last > 6:
            self.has_slept = True
            self.server = (self._awake or self.server).serve(self._seconds, step=5)
        self._last = passed
        return self.server.serve(2).data(query)


def slept(way: str, sleeper: Sleeper, clocks: tuple[float, float] = (0, 0)) -> tuple[list[Any], list[float]]:
    """The numbers, state, notice and states shown after that sleep, and when the page asked."""
    asleep, awake = ASLEEP[way]
    steps = (
        {"until": "store.current"},
        *asleep,
        {"script": f"Object.assign(slept, {{ steady: {clocks[0]}, wall: {clocks[1]} }})"},
        *awake,
        {"wait": 4000},
        {"until": f"{STATE} === 'Live'"},
        {"script": NUMBERS},
        {"script": STATE},
        {"script": NOTICE},
        {"script": "states"},
    )
    with at_an_address(lambda asked, query: sleeper.answer(door.asked[-1], query)) as (url, door):
        answers = seen(url, *steps, init=CLOCKS)
    assert sleeper.has_slept
    return answers[-4:], door.asked


@pytest.mark.parametrize("way", list(ASLEEP))
@pytest.mark.parametrize("seconds", [10 * MINUTE, 30 * HOUR])
def test_after_a_sleep_the_numbers_are_those_of_a_page_opened_now(way: str, seconds: float) -> None:
    """Also after more than the server keeps closely; the page asks once, and then at its usual pace."""
    sleeper = Sleeper(PageServer().serve(2 * HOUR), seconds)
    (numbers, state, notice, _), asked = slept(way, sleeper)
    must_be_right(numbers, sleeper.server.uptime)
    assert (state, notice) == ("Live", "")
    gaps = [after - before for before, after in itertools.pairwise(asked)]
    assert min(gaps) > 0.5, "no question follows another at once"


@pytest.mark.parametrize("clocks", [(0, 0), (0, 5 * HOUR), (0, -HOUR)])
def test_a_restart_during_a_sleep_is_told(clocks: tuple[float, float]) -> None:
    """Whichever of the browser's clocks went on, and whether or not the server's clock was set back meanwhile."""
    before = PageServer("a").serve(2 * HOUR)
    after = PageServer("b", began=before.began + 2 * HOUR + 600)
    sleeper = Sleeper(before, 5 * HOUR - 600, awake=after)
    (numbers, state, notice, _), _ = slept("frozen", sleeper, clocks)
    must_be_right(numbers, after.uptime)
    assert state == "Live"
    assert "The server restarted at" in notice


@pytest.mark.parametrize("clocks", [(0, 5 * HOUR), (5 * HOUR, 5 * HOUR)])
def test_a_restart_is_told_by_the_browsers_clock_if_the_servers_was_set_back(
    clocks: tuple[float, float],
) -> None:
    """By a day: it seems to have begun before the other was last heard of."""
    before = PageServer("a").serve(2 * HOUR)
    after = PageServer("b", began=before.began - 24 * HOUR)
    (numbers, _, notice, _), _ = slept("frozen", Sleeper(before, 4 * HOUR, awake=after), clocks)
    must_be_right(numbers, after.uptime)
    assert "The server restarted at" in notice


@pytest.mark.parametrize("clocks", [(0, 5 * HOUR)])
def test_old_numbers_are_not_called_live_when_the_page_wakes(clocks: tuple[float, float]) -> None:
    """Until the first answer the page says of when they are."""
    (_, state, _, states), _ = slept("frozen", Sleeper(PageServer().serve(2 * HOUR), 5 * HOUR), clocks)
    assert [each for each in states if each.startswith("As of ") and each.endswith("; asking again")]
    assert state == "Live"
