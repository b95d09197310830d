"""Active seconds are when clients had work in the engine, also where several processes each see a part of it."""

from __future__ import annotations

import re

import pytest
from busy_time import LATE_SECONDS, LONGEST_WAY_SECONDS, active_seconds, warm_up
from patience import holds_within
from starting import started_seconds

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy


def test_one_engine_behind_two_api_servers(two_api_servers: Server) -> None:
    """Each process gets some of the engine's steps; together they know when it worked: alone as long as vLLM says,
    together as long as the clients had requests running, but for the way there and back."""
    warm_up(two_api_servers)
    active, union, inside = active_seconds(two_api_servers, (1, 1, 1, 1))
    assert active == pytest.approx(inside, rel=0.02)
    assert active < union
    active, union, _ = active_seconds(two_api_servers, (3, 6, 2, 4))
    assert union - 4 * LONGEST_WAY_SECONDS < active < union + 4 * LATE_SECONDS


def test_a_start_is_that_of_the_process_that_started_both(two_api_servers: Server) -> None:
    """Not of an API process, which is younger; shown once, when the one that charges serves: the two begin seconds
    apart on a busy machine."""
    holds_within(lambda: scrape(two_api_servers.url).has("costmeter_start_seconds"), 60)
    page = scrape(two_api_servers.url)
    assert len(page.matching("costmeter_start_seconds")) == 1
    took = page.value("costmeter_start_seconds")
    assert took == pytest.approx(started_seconds(two_api_servers), abs=10)
    younger = int(re.findall(r"ApiServer_0 pid=(\d+)", two_api_servers.log_text())[0])
    assert took > started_seconds(two_api_servers, younger)
