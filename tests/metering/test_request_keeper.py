"""Requests are estimated when they end, settled when they are charged, and found meanwhile."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.meter.shares.work_pools import NOTHING_PER_POOL, PerPool, RequestRates, Spent
from vllm_costmeter.core.requests.ended import EndedRequest, ended
from vllm_costmeter.metering.request_keeper import RequestKeeper
from vllm_costmeter.outputs.metrics.process_exchange import PublishedRates
from vllm_costmeter.outputs.requests.request_files import RequestFiles

WORK = RequestWork(10, 4, 7, ticket=3)
NONE = RequestRates(NOTHING_PER_POOL)
RATES = RequestRates(PerPool(prefill=Spent(1e-6, 0.1), decode=Spent(2e-6, 0.2)))


def published(latest: RequestRates = RATES, **given: Any) -> PublishedRates:
    """As the process that charges publishes them."""
    fields = {"has_price": True, "has_energy": True, "latest": latest, "usd_per_second": 1.0} | given
    return PublishedRates(1.0, NONE, **fields)


def request(number: int = 3, *ids: str, works: int = 1) -> EndedRequest:
    """One that ended."""
    named = {"ended_unix_seconds": 1000.0, "model": "m", "tenant": "secret-tenant", "estimated_usd": 2e-5}
    return ended(number, ids or ("chatcmpl-1",), [WORK] * works, **named)  # type: ignore[arg-type]


def keeper(**given: Any) -> RequestKeeper:
    return RequestKeeper(unix_seconds=lambda: 1001.0, **given)


def test_an_estimate_is_at_the_latest_rates() -> None:
    """Of all its sequences; before the first was charged, by its part of the time; nothing without a price."""
    kept = keeper()
    assert kept.estimate([WORK], 2.0) is None
    kept.tick(published(NONE))
    assert kept.estimate([WORK], 2.0) == 2.0
    assert kept.estimate([WORK], None) is None
    kept.tick(published())
    assert kept.estimate([WORK, WORK], 2.0) == pytest.approx(2 * (10e-6 + 14e-6))
    assert kept.estimate([], 2.0) is None
    kept.tick(published(has_price=False))
    assert kept.estimate([WORK], 2.0) is None


def test_a_request_is_found_as_soon_as_it_ended_and_settled_later() -> None:
    """Before the next tick; sequences of nobody's request are not kept."""
    kept = keeper()
    kept.tick(published())
    kept.end(request(works=2))
    found = kept.find("chatcmpl-1")
    assert found is not None
    assert not found.is_settled
    for work in (WORK, WORK._replace(ticket=0), WORK):
        kept.charged(work, Spent(1e-5, 2.0))
    kept.tick(published())
    settled = kept.find("chatcmpl-1")
    assert settled is not None
    assert (settled.is_settled, settled.usd, settled.joules) == (True, 2e-5, 4.0)
    assert (settled.has_price, settled.has_energy) == (True, True)
    assert kept.find("chatcmpl-2") is None


def test_a_request_of_another_process_is_found_in_its_files(tmp_path: Path) -> None:
    """After that one's next tick."""
    one, two = (keeper(files=RequestFiles(tmp_path, rank)) for rank in range(2))
    one.end(request())
    one.tick(published())
    assert two.find("chatcmpl-1") == one.find("chatcmpl-1")
    one.charged(WORK, Spent(1e-5, 2.0))
    one.tick(published())
    found = two.find("chatcmpl-1")
    assert found is not None
    assert (found.is_settled, found.usd) == (True, 1e-5)


def test_a_settled_request_is_one_debug_line_without_names(caplog: pytest.LogCaptureFixture) -> None:
    """And no line is made where nobody reads it; an id that a client chose cannot break the line."""
    for level, lines in ((logging.INFO, 0), (logging.DEBUG, 1)):
        caplog.clear()
        with caplog.at_level(level, "vllm.costmeter"):
            kept = keeper()
            kept.end(request(3, "cmpl-a\nb c"))
            kept.charged(WORK, Spent(1.5e-5, 2.0))
            kept.tick(published())
            kept.tick(published())
        assert len(caplog.messages) == lines
    assert caplog.messages == [
        "costmeter: request cmpl-a?b?c cost $0.000015 (estimated $0.00002), 2 J: 14 prompt tokens (4 cached), "
        "7 generated, finished"
    ]


def test_threads_that_end_charge_and_ask_lose_nothing() -> None:
    """The event loop, the sampler, and several that answer."""
    kept = keeper()
    kept.tick(published())
    number = 2_000

    def ask() -> None:
        for each in range(number):
            kept.find(f"c-{each}")

    def charge() -> None:
        for each in range(1, number + 1):
            kept.charged(WORK._replace(ticket=each), Spent(1.0, 1.0))
            if each % 100 == 0:
                kept.tick(published())

    threads = [threading.Thread(target=target) for target in (ask, charge, ask)]
    for thread in threads:
        thread.start()
    for each in range(1, number + 1):
        kept.end(request(each, f"c-{each}"))
    for thread in threads:
        thread.join()
    found = [kept.find(f"c-{each}") for each in range(1, number + 1)]
    assert all(each is not None and each.is_settled and each.usd == 1.0 for each in found)
