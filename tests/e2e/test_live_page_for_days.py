"""The live page in a real browser that is open for days: what it keeps, what it draws, what it takes."""

from __future__ import annotations

from typing import Any

import pytest
from page_stand_in import NUMBERS, PageServer, at_an_address, must_be_right, seen

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("page_browser")]

HOUR, DAY = 3600.0, 86400.0
ASKS = "(async () => { for (let each = 0; each < %d; each += 1) { clearTimeout(timer); await ask(); } })()"
KEPT = "[...store.instances.values()].map((each) => each.rows.length)"
QUESTIONS = 500
MOST_BYTES = 1_000_000


def test_a_page_that_is_open_for_a_week_draws_all_of_it() -> None:
    """As closely as a page that is opened afterwards: no part of the time is thinned until a line bridges it."""
    server = PageServer().serve(600)

    def answer(asked: int, query: str) -> Any:
        return server.serve(600, step=10).data(query)

    with at_an_address(answer) as (url, _):
        _, numbers, (kept,) = seen(url, {"script": ASKS % 1010}, {"script": NUMBERS}, {"script": KEPT})
    assert server.uptime > 7 * DAY
    must_be_right(numbers, server.uptime)
    assert kept <= 1500


def test_thousands_of_refreshes_leave_nothing_behind() -> None:
    """Nodes, listeners and the memory of its script stay as they were, while servers answer in turn, lines of charts
    come and go, and the price and the range are changed."""
    servers = [PageServer("a").serve(2 * HOUR), PageServer("b").serve(2 * HOUR)]

    def answer(asked: int, query: str) -> Any:
        return servers[asked % 3 == 2].serve(10, step=10).data(query)

    change = """(async () => { for (let each = 0; each < %d; each += 1) {
      shown.range = each %% 2 ? 'hour' : 'start'; shown.trial = each %% 3 ? null : 2; charts.million.repaint();
      clearTimeout(timer); await ask();
    } clearTimeout(timer); })()"""
    measure = {"measure": True}
    with at_an_address(answer) as (url, door):
        _, before, _, after = seen(
            url, {"script": change % 300}, measure, {"script": change % QUESTIONS}, measure
        )
    assert len(door.asked) >= QUESTIONS
    for name in ("Nodes", "JSEventListeners", "Documents"):
        assert after[name] <= before[name] + 20, name
    assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] < MOST_BYTES
