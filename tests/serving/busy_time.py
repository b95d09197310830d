"""How long a server was active, as its meter, its clients and vLLM itself say."""

from __future__ import annotations

import time

from intervals import union_seconds, waves

from scripts.servers.scrape import Scrape, scrape
from scripts.servers.vllm_server import Server

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
