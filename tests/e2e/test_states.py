"""Active, idle and asleep on a real server: every second is in one of them, and together they are the bill."""

from __future__ import annotations

import time
from collections.abc import Iterator

import client
import httpx
import pytest
from harness import METERED, USD_PER_HOUR, Serve
from intervals import union_seconds, waves
from scrape import Scrape, scrape
from vllm_server import Server

pytestmark = pytest.mark.heavy

SLEEP_SECONDS = 15.0


@pytest.fixture(scope="module")
def sleeper(serve: Serve) -> Iterator[Server]:
    """A server with vLLM's sleep endpoints. Without `--enable-sleep-mode`, which the CPU build refuses, they stop the
    engine and keep its memory: the same calls reach the meter."""
    with serve(*METERED, env={"VLLM_SERVER_DEV_MODE": "1"}) as server:
        yield server


def seen(server: Server) -> tuple[float, Scrape]:
    """A page and the moment it is of: in the middle of the request, which takes milliseconds."""
    asked = time.monotonic()
    page = scrape(server.url)
    return (asked + time.monotonic()) / 2, page


def seconds(page: Scrape, state: str) -> float:
    return page.total("costmeter_gpu_seconds_total", state=state)


def test_states_add_up_and_each_is_as_long_as_it_was(sleeper: Server) -> None:
    """Over 80 s of load, silence, sleep and load again: states = price x time to 0.1 %, asleep is from /sleep to
    /wake_up, and active is when the clients had requests running."""
    waves(sleeper.url, [1], 1.0, 20)  # the first request compiles
    began, before = seen(sleeper)
    ran = waves(sleeper.url, [3, 1, 5, 1, 2], gap_seconds=2.0, max_tokens=700)
    slept = time.monotonic()
    httpx.post(f"{sleeper.url}/sleep", params={"level": 1}, timeout=60).raise_for_status()
    time.sleep(SLEEP_SECONDS)
    while_asleep = scrape(sleeper.url)
    httpx.post(f"{sleeper.url}/wake_up", timeout=60).raise_for_status()
    slept = time.monotonic() - slept
    time.sleep(2)
    ran += waves(sleeper.url, [2, 1], gap_seconds=2.0, max_tokens=700)
    time.sleep(max(0.0, began + 80 - time.monotonic()))
    ended, after = seen(sleeper)

    spent = {s: seconds(after, s) - seconds(before, s) for s in ("active", "idle", "asleep")}
    assert sum(spent.values()) == pytest.approx(ended - began, rel=0.001)
    bill = after.total("costmeter_cost_usd_total") - before.total("costmeter_cost_usd_total")
    assert bill == pytest.approx(USD_PER_HOUR / 3600 * (ended - began), rel=0.001)
    assert spent["asleep"] == pytest.approx(slept, abs=0.5)
    assert spent["active"] == pytest.approx(union_seconds(ran), rel=0.05)
    assert seconds(while_asleep, "asleep") - seconds(before, "asleep") == pytest.approx(
        SLEEP_SECONDS, abs=0.5
    )


def test_a_paused_engine_is_asleep_until_it_wakes(sleeper: Server) -> None:
    """Level 0 only stops scheduling; a request that waits for the engine to wake costs no active second."""
    httpx.post(f"{sleeper.url}/sleep", params={"level": 0}, timeout=60).raise_for_status()
    before = scrape(sleeper.url)
    time.sleep(4)
    after = scrape(sleeper.url)
    httpx.post(f"{sleeper.url}/wake_up", timeout=60).raise_for_status()
    assert seconds(after, "asleep") - seconds(before, "asleep") == pytest.approx(4, abs=0.3)
    assert seconds(after, "active") == seconds(before, "active")
    assert client.complete(sleeper.url, "awake again", max_tokens=3)["completion_tokens"] == 3
