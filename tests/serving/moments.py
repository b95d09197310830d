"""Pages of a server and the moments they are of."""

from __future__ import annotations

import time
from typing import NamedTuple

from client import connection

from scripts.servers.scrape import Scrape, parse
from scripts.servers.vllm_server import Server

QUICK_SECONDS = 0.04
MOST_TRIES = 8


class Moment(NamedTuple):
    """One page, and the monotonic second in the middle of its request."""

    seconds: float
    page: Scrape


def seen(server: Server) -> Moment:
    """Now: the page of a quick request, or on a busy machine of the quickest of several, because the middle of a slow
    one may be far from the moment the page is of."""
    quickest, took = Moment(0.0, parse("")), float("inf")
    with connection(30) as http:
        for _ in range(MOST_TRIES):
            asked = time.monotonic()
            text = http.get(f"{server.url}/metrics").text
            answered = time.monotonic()
            if answered - asked < took:
                quickest, took = Moment((asked + answered) / 2, parse(text)), answered - asked
            if took <= QUICK_SECONDS:
                break
    return quickest


def added(before: Moment, after: Moment, name: str, **labels: str) -> float:
    """What a counter gained."""
    return after.page.total(name, **labels) - before.page.total(name, **labels)
