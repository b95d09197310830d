"""Active seconds of two engines."""

from __future__ import annotations

import pytest
from busy_time import LATE_SECONDS, active_seconds, warm_up

from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy


def test_two_engines_work_each_for_itself(two_ranks: Server) -> None:
    """One request at a time keeps one rank busy, many keep both."""
    warm_up(two_ranks)
    active, union, inside = active_seconds(two_ranks, (1, 1, 1, 1))
    assert active == pytest.approx(inside, rel=0.02)
    assert active < union
    active, union, _ = active_seconds(two_ranks, (6, 8))
    assert union * 1.2 < active < 2 * (union + 2 * LATE_SECONDS)
