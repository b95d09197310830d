"""The data of a live page, second by second."""

from __future__ import annotations

import json
from typing import Any

from vllm_costmeter.core.page.columns import Sample
from vllm_costmeter.metering.live_page import LivePage


class Server:
    """One whose tokens grow by ten a second; how often it was looked at."""

    def __init__(self) -> None:
        self.now, self.unix, self.looks = 100.0, 1e9, 0
        self.page = LivePage(
            self.samples,
            instance="a1",
            fit=lambda: '{"verdict": "fits"}',
            monotonic_seconds=lambda: self.now,
            unix_seconds=lambda: self.unix,
        )

    def samples(self) -> list[Sample]:
        self.looks += 1
        return [Sample("costmeter_tokens_total", {"kind": "generated"}, (self.now - 100) * 10)]

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self.unix += 1
            self.page.note()

    def data(self, *asked: Any) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.page.data(*asked))
        return found


def test_a_new_page_gets_everything_and_a_known_one_what_is_new() -> None:
    """The fit, too, only once. The last row is the current moment."""
    server = Server()
    server.run(65)
    first = server.data()
    assert first["fit"] == {"verdict": "fits"}
    assert first["history"]["rows"][-1] == [65, 650]
    server.run(15)
    since = first["history"]["rows"][-2][0]
    then = server.data("a1", since)
    assert "fit" not in then
    assert [row[0] for row in then["history"]["rows"]] == [*range(int(since) + 2, 81, 2), 80]


def test_a_page_of_another_instance_gets_everything() -> None:
    """What it knew was another server's."""
    server = Server()
    server.run(30)
    assert len(server.data("b2", 29.0)["history"]["rows"]) > 10


def test_many_questions_of_one_second_are_answered_from_one_look() -> None:
    """The metrics are rendered once."""
    server = Server()
    server.run(5)
    before = server.looks
    for _ in range(100):
        server.data("a1", 4.0)
    assert server.looks == before + 1


def test_pages_that_open_at_once_are_answered_from_one_document() -> None:
    """Until the next second; however many ask for different things, what is kept is bounded."""
    server = Server()
    server.run(3000)
    assert server.page.data() is server.page.data("another")
    for second in range(2000):
        server.page.data("a1", float(second))
    assert sum(map(len, server.page._answers.values())) < 1_000_000
    first = server.page.data()
    server.run(8)
    assert server.page.data() != first


def test_a_clock_that_is_set_moves_no_moment() -> None:
    """Moments are seconds since the start; the wall clock is told beside them."""
    server = Server()
    server.run(60)
    server.unix -= 86_400
    server.run(60)
    found = server.data()
    times = [row[0] for row in found["history"]["rows"]]
    assert times == sorted(times)
    assert found["uptime_seconds"] == 120
    assert found["unix_seconds"] == 1e9 + 120 - 86_400


def test_a_server_without_metrics_yet_says_so_by_their_absence() -> None:
    """One current moment, nothing in it."""
    found = json.loads(LivePage(list, instance="a1").data())
    assert found["metrics"] == {}
    assert found["history"]["columns"] == []
    assert len(found["history"]["rows"]) == 1
