"""Active, idle and asleep on a real server: every second is in one of them, and together they are the bill."""

from __future__ import annotations

import re
import time

import client
import pytest
from harness import USD_PER_HOUR
from intervals import union_seconds, waves
from moments import added, seen
from sleeping import asleep
from starting import started_seconds

from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy

SLEEP_SECONDS = 15.0
SECONDS = "costmeter_gpu_seconds_total"
OPERATIONS, VLLMS = "costmeter_sleep_operation", "vllm:sleep_mode_operation_duration_seconds"


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


def test_a_start_is_from_the_creation_of_the_process_until_it_serves(metered: Server) -> None:
    """As `ps` and vLLM's log tell, both to the second."""
    took = seen(metered).page.value("costmeter_start_seconds")
    assert took == pytest.approx(started_seconds(metered), abs=2.5)


def test_falling_asleep_and_waking_up_are_timed(metered: Server) -> None:
    """No longer than vLLM's own histogram of the requests around them, no less than its log says of the executor
    inside; waking up in two parts is one wake-up, with the time between them."""
    before, logged = seen(metered), len(metered.log_text())
    with asleep(metered, level=1):
        pass
    client.post(f"{metered.url}/sleep", params={"level": 2}, timeout=60).raise_for_status()
    for tag in ("weights", "kv_cache"):
        client.post(f"{metered.url}/wake_up", params={"tags": tag}, timeout=60).raise_for_status()
        time.sleep(2)
    after = seen(metered)
    inside = dict.fromkeys(("fall asleep", "wake up"), 0.0)
    for seconds, what in re.findall(r"It took ([\d.]+) seconds to (\w+ \w+)", metered.log_text()[logged:]):
        inside[what] += float(seconds)
    for operation, what in (("sleep", "fall asleep"), ("wake", "wake up")):
        around = added(before, after, f"{VLLMS}_sum", operation=operation)
        level_1, level_2 = (
            added(before, after, f"{OPERATIONS}_seconds_total", operation=operation, level=level)
            for level in ("1", "2")
        )
        between = 2.0 if operation == "wake" else 0.0
        assert inside[what] <= level_1 + level_2 - between <= around + 0.3
        for level in ("1", "2"):
            assert (
                added(before, after, "costmeter_sleep_operations_total", operation=operation, level=level)
                == 1
            )
    assert after.page.total("costmeter_errors_total") == before.page.total("costmeter_errors_total")
