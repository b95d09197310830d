"""The life of the server that the other tests shared: at its end the parts of its bill add up to price x time.

The last file of the suite by its name. Run alone it waits until the server has lived long enough.
"""

from __future__ import annotations

import time

import client
import pytest
from harness import USD_PER_HOUR
from moments import Moment, added, seen
from sleeping import asleep

from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy

LEAST_SECONDS = 300.0
SLEEP_SECONDS = 10.0
STATES = ("active", "idle", "asleep")


def test_over_five_minutes_the_states_add_up_to_price_x_time(
    metered_from_birth: tuple[Server, Moment],
) -> None:
    """Whatever the tests before did to it (load, aborts, scrapes, silence), and after a sleep: GPU seconds are the
    time, dollars are the price of the time, to 0.1 %, and each state was there."""
    server, born = metered_from_birth
    client.load(server.url, requests=20)
    awake = seen(server)
    with asleep(server, level=1) as slept:
        time.sleep(SLEEP_SECONDS)
    time.sleep(max(1.0, born.seconds + LEAST_SECONDS - time.monotonic()))
    now = seen(server)
    lived = now.seconds - born.seconds
    assert added(born, now, "costmeter_gpu_seconds_total") == pytest.approx(lived, rel=0.001)
    bill = added(born, now, "costmeter_cost_usd_total")
    assert bill == pytest.approx(USD_PER_HOUR / 3600 * lived, rel=0.001)
    for state in STATES:
        assert added(born, now, "costmeter_cost_usd_total", state=state) > 0
    seconds_asleep = added(awake, now, "costmeter_gpu_seconds_total", state="asleep")
    assert slept.least_seconds <= seconds_asleep <= slept.most_seconds
    active = added(born, now, "costmeter_cost_usd_total", state="active")
    assert added(born, now, "costmeter_phase_cost_usd_total") == pytest.approx(active, rel=1e-6)
