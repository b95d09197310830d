"""Active, idle and asleep on a real server: every second is in one of them, and together they are the bill."""

from __future__ import annotations

import time

import client
import pytest
from harness import USD_PER_HOUR
from intervals import union_seconds, waves
from moments import added, seen
from sleeping import asleep

from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy

SLEEP_SECONDS = 15.0
SECONDS = "costmeter_gpu_seconds_total"


def test_states_add_up_and_each_is_as_long_as_it_was(metered: Server) -> None:
    """Over 80 s of load, silence, sleep and load again: states = price x time to 0.1 %, asleep is from /sleep to
    /wake_up, and active is when the clients had requests running."""
    waves(metered.url, [1], 1.0, 20)  # the first request compiles
    before = seen(metered)
    ran = waves(metered.url, [3, 1, 5, 1, 2], gap_seconds=2.0, max_tokens=700)
    with asleep(metered, level=1) as slept:
        time.sleep(SLEEP_SECONDS)
        while_asleep = seen(metered)
    time.sleep(2)
    ran += waves(metered.url, [2, 1], gap_seconds=2.0, max_tokens=700)
    time.sleep(max(0.0, before.seconds + 80 - time.monotonic()))
    after = seen(metered)

    took = after.seconds - before.seconds
    assert added(before, after, SECONDS) == pytest.approx(took, rel=0.001)
    bill = added(before, after, "costmeter_cost_usd_total")
    assert bill == pytest.approx(USD_PER_HOUR / 3600 * took, rel=0.001)
    assert slept.least_seconds <= added(before, after, SECONDS, state="asleep") <= slept.most_seconds
    assert added(before, while_asleep, SECONDS, state="asleep") >= SLEEP_SECONDS
    assert added(before, after, SECONDS, state="active") == pytest.approx(union_seconds(ran), rel=0.05)


def test_a_paused_engine_is_asleep_until_it_wakes(metered: Server) -> None:
    """Level 0 only stops scheduling; a request that waits for the engine to wake costs no active second."""
    with asleep(metered, level=0):
        before = seen(metered)
        time.sleep(4)
        after = seen(metered)
    took = after.seconds - before.seconds
    assert added(before, after, SECONDS, state="asleep") == pytest.approx(took, abs=0.3)
    assert added(before, after, SECONDS, state="active") == 0
    assert client.complete(metered.url, "awake again", max_tokens=3)["completion_tokens"] == 3
