"""The live page in a real browser where several servers answer at one address, or one was silent for a while."""

from __future__ import annotations

from typing import Any

import pytest
from page_stand_in import (
    ASK_AT_ONCE,
    NOTICE,
    NUMBERS,
    STATE,
    PageServer,
    at_an_address,
    must_be_right,
    seen,
)

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("page_browser")]

HOUR, DAY = 3600.0, 86400.0
TIMES = "for (let each = 0; each < %d; each += 1) { clearTimeout(timer); await ask(); }"


def asked(times: int) -> dict[str, Any]:
    """So many questions at once."""
    return {"script": f"(async () => {{ {TIMES % times} }})()"}


@pytest.mark.parametrize("apart", [0.0, DAY, -DAY])
@pytest.mark.parametrize("many", [2, 8])
def test_of_servers_that_answer_in_turn_one_is_drawn_and_the_others_are_named(
    apart: float, many: int
) -> None:
    """However their clocks differ, and though the browser sleeps: no total has a part of another."""
    servers = [
        PageServer(f"server-{each}", began=1_790_000_000 + apart * each).serve(2 * HOUR + each)
        for each in range(many)
    ]

    def answer(number: int, query: str) -> Any:
        for each in servers:
            each.serve(2)
        return servers[number % many].data(query)

    with at_an_address(answer) as (url, _):
        _, notice, shown, numbers, _, _, later, still = seen(
            url,
            asked(4 * many),
            {"script": NOTICE},
            {"script": "store.shown"},
            {"script": NUMBERS},
            {"script": "for (const each of store.instances.values()) { each.seen -= 3600; }"},
            asked(4 * many + 1),
            {"script": NOTICE},
            {"script": "store.shown"},
        )
    assert f"{many} servers answer at this address" in notice
    assert f"Shown is {shown} alone" in notice
    assert (later, still) == (notice, shown)
    must_be_right(numbers, numbers["uptime"])


def test_one_of_two_that_dies_is_not_called_live_and_then_left() -> None:
    """Its last numbers are marked with their time; some minutes later the other one is drawn."""
    servers = [PageServer("one").serve(2 * HOUR), PageServer("two").serve(2 * HOUR)]
    later = "for (const each of store.instances.values()) { each.seen -= %d; }"

    def answer(number: int, query: str) -> Any:
        return servers[number % 2 if number < 6 else 1].serve(2).data(query)

    with at_an_address(answer) as (url, _):
        answers = seen(
            url,
            asked(7),
            {"script": later % 60},
            asked(1),
            {"script": "[store.shown, document.getElementById('state').textContent]"},
            {"script": later % 200},
            asked(12),
            {"script": "[store.shown, document.getElementById('state').textContent]"},
            {"script": NOTICE},
        )
    (shown, state), (then, afterwards), notice = answers[3], answers[6], answers[7]
    assert shown == "one"
    assert state.startswith("As of ")
    assert (then, afterwards, notice) == ("two", "Live", "")


@pytest.mark.parametrize("held_up", [5 * 60.0, 2 * HOUR])
def test_time_without_moments_is_a_gap_and_no_line(held_up: float) -> None:
    """The thread that keeps them was held up; totals go on."""
    server = PageServer().serve(3 * HOUR).serve(held_up, step=held_up, notes=False).serve(900)
    with at_an_address(lambda asked, query: server.serve(2).data(query)) as (url, _):
        (numbers,) = seen(url, {"wait": 500}, {"script": NUMBERS})
    start = numbers["start"]
    assert start["tokens"] == pytest.approx(start["span"] * 10, rel=1e-6)
    for name in ("start", "hour"):
        told = numbers[name]
        assert told["times"] == sorted(set(told["times"]))
        has_gap = name == "start" or held_up < HOUR
        assert (None in told["rates"]) == has_gap
        assert (None in told["kv"]) == has_gap
        assert all(abs(rate - 10) < 0.1 for rate in told["rates"] if rate is not None)


def test_a_target_that_was_not_read_for_a_while_makes_no_peak() -> None:
    """What its counters grew by meanwhile is spread over that time; charts have a gap there."""
    server = PageServer().serve(2 * HOUR)
    server.is_read = False
    server.serve(1200).is_read = True
    server.serve(300)
    with at_an_address(lambda asked, query: server.serve(2).data(query)) as (url, _):
        (numbers,) = seen(url, {"wait": 500}, {"script": NUMBERS})
    must_be_right(numbers, server.uptime, gaps=True)


def test_after_an_outage_of_hours_the_moments_missed_are_there() -> None:
    """The address answers errors, then nothing of the page is asked for until the browser is online again."""
    server = PageServer().serve(2 * HOUR)

    def answer(number: int, query: str) -> Any:
        if number in (1, 2):
            return 503
        return server.serve(5 * HOUR if number == 3 else 2, step=5).data(query)

    online = {"script": "window.dispatchEvent(new Event('online'))"}
    with at_an_address(answer) as (url, door):
        answers = seen(
            url,
            {"script": ASK_AT_ONCE},
            {"script": ASK_AT_ONCE},
            {"script": STATE},
            *[online] * 50,
            {"wait": 1000},
            {"script": STATE},
            {"script": NUMBERS},
            expected="503",
        )
        questions = len(door.asked)
    assert answers[2].startswith("Not reached since")
    assert answers[-2] == "Live"
    must_be_right(answers[-1], server.uptime)
    assert questions <= 3 + 50
