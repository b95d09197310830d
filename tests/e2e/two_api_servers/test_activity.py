"""Active seconds are when clients had work in the engine, also where several processes each see a part of it."""

from __future__ import annotations

import pytest
from busy_time import LATE_SECONDS, LONGEST_WAY_SECONDS, active_seconds, warm_up

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
