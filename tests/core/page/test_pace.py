"""How often open pages ask."""

from __future__ import annotations

import heapq

import pytest

from vllm_costmeter.core.page.pace import QUICKEST_SECONDS, Pace


@pytest.mark.parametrize("pages", [1, 3, 50, 200])
def test_many_pages_ask_together_about_as_often_as_one(pages: int) -> None:
    """After two minutes less than once a second, up to a hundred pages; a single page every two seconds."""
    pace, due, asked = Pace(), [(number / pages, number) for number in range(pages)], 0
    heapq.heapify(due)
    while (now := due[0][0]) < 3600:
        _, page = heapq.heappop(due)
        heapq.heappush(due, (now + pace.ask(now), page))
        asked += now > 120
    assert asked / 3480 <= max(0.9, pages / 120 * 1.1)
    if pages == 1:
        assert pace.refresh_seconds == QUICKEST_SECONDS


def test_when_the_others_are_closed_the_last_page_is_quick_again() -> None:
    """Within a few of its own questions."""
    pace, now = Pace(), 0.0
    for _ in range(2000):
        pace.ask(now)
        now += 0.1
    assert pace.refresh_seconds > 10
    for _ in range(8):
        now += pace.ask(now)
    assert pace.refresh_seconds == QUICKEST_SECONDS
