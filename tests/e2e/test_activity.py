"""Active seconds are when clients had work in the engine, also where several processes each see a part of it."""

from __future__ import annotations

import time

import pytest
from harness import METERED, Serve
from intervals import union_seconds, waves
from scrape import Scrape, scrape
from vllm_server import Server

pytestmark = pytest.mark.heavy

ACTIVE = "costmeter_gpu_seconds_total"

LONGEST_WAY_SECONDS = 0.3
"""From a client to the engine and back on a busy machine."""

LATE_SECONDS = 0.1
"""By which a busy machine's event loop learns late that a wave began or ended."""

SETTLED_SECONDS, PATIENCE_SECONDS = 4.0, 60.0
"""Several processes tell each other once a second, later where the machine is busy."""


def warm_up(server: Server) -> None:
    """The first requests take seconds in one step, which is known at its end and charged over the next ticks."""
    waves(server.url, [4, 4], gap_seconds=10.0, max_tokens=20)


def active_seconds(server: Server, sizes: tuple[int, ...]) -> tuple[float, float, float]:
    """(active GPU seconds that the meter added over waves and silence, the union of the clients' requests, the sum of
    the times that vLLM says requests were in it)."""
    before = settled(server)
    ran = waves(server.url, sizes, gap_seconds=1.5, max_tokens=500)
    after = settled(server)
    active, inside = (
        after.total(name, **labels) - before.total(name, **labels)
        for name, labels in (
            (ACTIVE, {"state": "active"}),
            ("vllm:e2e_request_latency_seconds_sum", {}),
        )
    )
    return active, union_seconds(ran), inside


def settled(server: Server) -> Scrape:
    """The page once no more active time is caught up."""
    end, quiet_since = time.monotonic() + PATIENCE_SECONDS, time.monotonic()
    page = scrape(server.url)
    while time.monotonic() < min(end, quiet_since + SETTLED_SECONDS):
        time.sleep(0.5)
        last, page = page, scrape(server.url)
        if page.total(ACTIVE, state="active") != last.total(ACTIVE, state="active"):
            quiet_since = time.monotonic()
    return page


def test_one_engine_behind_two_api_servers(serve: Serve) -> None:
    """Each process gets some of the engine's steps; together they know when it worked: alone as long as vLLM says,
    together as long as the clients had requests running, but for the way there and back."""
    with serve(*METERED, "--api-server-count", "2") as server:
        warm_up(server)
        active, union, inside = active_seconds(server, (1, 1, 1, 1))
        assert active == pytest.approx(inside, rel=0.02)
        assert active < union
        active, union, _ = active_seconds(server, (3, 6, 2, 4))
        assert union - 4 * LONGEST_WAY_SECONDS < active < union + 4 * LATE_SECONDS


def test_two_engines_work_each_for_itself(serve: Serve) -> None:
    """Two data-parallel ranks: one request at a time keeps one of them busy; of many each rank has its own seconds,
    together no fewer than the clients waited and no more than twice that."""
    with serve(*METERED, "--data-parallel-size", "2") as server:
        warm_up(server)
        active, union, inside = active_seconds(server, (1, 1, 1, 1))
        assert active == pytest.approx(inside, rel=0.02)
        assert active < union
        active, union, _ = active_seconds(server, (6, 8))
        assert union - 2 * LONGEST_WAY_SECONDS < active < 2 * (union + 2 * LATE_SECONDS)
