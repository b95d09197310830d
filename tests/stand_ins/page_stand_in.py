"""A server of the live page whose time is the test's: it passes with each question, and its clock can be set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scripts.live_page.browser import look
from vllm_costmeter.core.page.columns import Sample
from vllm_costmeter.metering.live_page import LivePage
from vllm_costmeter.outputs.metrics.http_server import MetricsServer
from vllm_costmeter.outputs.page.answers import Answer, page_data, page_or_status

BEGAN = 1_790_000_000.0
"""2026-09-21, 14:13:20 UTC."""
TOKENS_PER_SECOND, USD_PER_HOUR = 10.0, 3.6


class PageServer:
    """One GPU at a steady load; what it counts follows from its uptime alone."""

    def __init__(self, instance: str = "a", began: float = BEGAN, tokens: float = TOKENS_PER_SECOND) -> None:
        self.uptime = 0.0
        self.began = began
        """By its clock, which may be set."""
        self.tokens_per_second = tokens
        self.is_read = True
        """Else nothing is known of it, as of a target that an exporter cannot read."""
        self._live = LivePage(
            self._samples,
            instance=instance,
            monotonic_seconds=lambda: self.uptime,
            unix_seconds=lambda: self.began + self.uptime,
            started_seconds=0.0,
        )

    def serve(self, seconds: float, step: float = 1.0, notes: bool = True) -> PageServer:
        """Time passes; without `notes` the thread that keeps the moments is held up."""
        until = self.uptime + seconds
        while self.uptime < until:
            self.uptime += step
            if notes:
                self._live.note()
        return self

    def data(self, query: str) -> Answer:
        """Of `GET /costmeter/data`."""
        return page_data(True, query, self._live.data)

    def _samples(self) -> list[Sample]:
        if not self.is_read:
            return []
        usd = self.uptime * USD_PER_HOUR / 3600
        return [
            Sample("costmeter_tokens_total", {"kind": "generated"}, self.uptime * self.tokens_per_second),
            Sample("costmeter_gpu_seconds_total", {"state": "active"}, self.uptime),
            Sample("costmeter_cost_usd_total", {"state": "active"}, usd),
            Sample("costmeter_price_usd_per_hour", {"component": "rental"}, USD_PER_HOUR),
            Sample("costmeter_kv_cache_usage_ratio", {}, 0.5),
        ]


class Door:
    """What answers at the page's address, and when it was asked."""

    def __init__(self, answer: Callable[[int, str], Answer | int]) -> None:
        self._answer = answer
        self.asked: list[float] = []

    def data(self, may_pass: bool, accept: str, query: str) -> Answer:
        """`GET /costmeter/data`; a number is an error."""
        self.asked.append(time.monotonic())
        found = self._answer(len(self.asked) - 1, query)
        return (found, b"", {}) if isinstance(found, int) else found


@contextmanager
def at_an_address(answer: Callable[[int, str], Answer | int]) -> Iterator[tuple[str, Door]]:
    """The page, with an answer to each question by its number and query; its address."""
    door = Door(answer)
    routes = {
        "/costmeter": lambda may, accept, query: page_or_status(may, accept, dict),
        "/costmeter/data": door.data,
    }
    server = MetricsServer("127.0.0.1", 0, bytes, routes=routes)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}/costmeter", door
    finally:
        server.close()


def seen(url: str, *steps: dict[str, Any], expected: str = "nothing", **fields: Any) -> list[Any]:
    """What the steps answered, of a page that complained of nothing but what is expected."""
    (found,) = look([{"url": url, "theme": "light", "width": 1280, "steps": steps, **fields}])
    assert [line for line in found["complaints"] if expected not in line] == []
    answers: list[Any] = found["answers"]
    return answers


NOTICE = "document.getElementById('notice').textContent"
STATE = "document.getElementById('state').textContent"
LATEST = "store.current.now[0]"
"""The uptime of what is shown."""
NUMBERS = """(() => {
  const told = (range) => {
    const view = new View(store.current, '', range, null);
    const [times, rates] = view.series((from, to, seconds) => perSecond(view.tokens(from, to), seconds));
    const { first, now, span } = view;
    return { span, first: first[0], tokens: view.tokens(first, now), usd: view.usd(first, now), times, rates,
      kv: view.gauges((row) => view.gauge(row, 'kv_cache_usage_ratio'))[1] };
  };
  const { now, document: { unix_seconds: unix } } = store.current;
  return { uptime: now[0], unix, hour: told('hour'), start: told('start') };
})()"""
ASK_AT_ONCE = "(async () => { clearTimeout(timer); await ask(); })()"


def must_be_right(numbers: dict[str, Any], uptime: float, gaps: bool = False) -> None:
    """Totals are those of the counters, the last hour is the last hour, rates are steady, and time runs forward."""
    assert 0 <= uptime - numbers["uptime"] <= 60, "further answers may be under way"
    uptime = numbers["uptime"]
    for name, most in (("hour", 3600.0), ("start", uptime)):
        told = numbers[name]
        assert min(uptime, most) - 12 <= told["span"] <= min(uptime, most) + 1
        assert abs(told["tokens"] - told["span"] * TOKENS_PER_SECOND) < 2
        assert abs(told["usd"] - told["span"] * USD_PER_HOUR / 3600) < 0.002
        assert told["times"] == sorted(set(told["times"]))
        assert abs(told["times"][-1] - numbers["unix"]) < 0.01
        rates = [rate for rate in told["rates"] if rate is not None]
        assert all(abs(rate - TOKENS_PER_SECOND) < 0.5 for rate in rates)
        assert (len(rates) < len(told["rates"])) == gaps
        assert (None in told["kv"]) == gaps
        further = [after - before for before, after in zip(told["times"], told["times"][1:], strict=False)]
        assert gaps or max(further) <= max(60.0, told["span"] / 60), "a moment that is missing"
