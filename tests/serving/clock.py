"""Measure what a server charges per hour of wall clock, to a part in thousands.

A page shows either the bill of its own moment or, where several API servers share it through files, that of the last
second. The moment at which the value changes is known to the polling interval in both; between two such moments
dollars and time belong together.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import httpx
from client import connection

POLL_SECONDS = 0.005
EXACT_SECONDS = 0.03
MOST_CHANGES = 15
DOLLARS = re.compile(r"^costmeter_cost_usd_total\{[^}]*\} (\S+)", re.MULTILINE)
GPU_SECONDS = re.compile(r"^costmeter_gpu_seconds_total\{[^}]*\} (\S+)", re.MULTILINE)


def usd_per_hour(url: str, meanwhile: Callable[[], object], at_least_seconds: float = 60) -> float:
    """Dollars charged per hour while `meanwhile` ran and idleness filled the rest of the interval."""
    return rate_of(DOLLARS, url, meanwhile, at_least_seconds) * 3600


def gpus_charged(url: str, meanwhile: Callable[[], object], at_least_seconds: float = 60) -> float:
    """GPU seconds charged per second."""
    return rate_of(GPU_SECONDS, url, meanwhile, at_least_seconds)


def rate_of(
    counter: re.Pattern[str], url: str, meanwhile: Callable[[], object], at_least_seconds: float
) -> float:
    """How fast a counter runs, per second."""
    with connection(30) as http:
        started_seconds, before = next_change(counter, http, url)
        meanwhile()
        time.sleep(max(0.0, started_seconds + at_least_seconds - time.monotonic()))
        ended_seconds, after = next_change(counter, http, url)
    return (after - before) / (ended_seconds - started_seconds)


def next_change(counter: re.Pattern[str], http: httpx.Client, url: str) -> tuple[float, float]:
    """(when, value) of the next update of the counter's sum that is known to `EXACT_SECONDS`, else of the most exactly
    known of many: on a busy machine a page may take longer than the answer may be off."""
    known: list[tuple[float, float, float]] = []
    deadline = time.monotonic() + 20
    asked, value = time.monotonic(), summed(counter, http, url)
    while time.monotonic() < deadline and len(known) < MOST_CHANGES:
        time.sleep(POLL_SECONDS)
        earliest, asked = asked, time.monotonic()
        now = summed(counter, http, url)
        if now != value:
            latest = time.monotonic()
            known.append((latest - earliest, (earliest + latest) / 2, now))
            if known[-1][0] <= EXACT_SECONDS:
                break
        value = now
    assert known, f"{counter.pattern} stood still for 20 s at {value}"
    _, when, changed = min(known)
    return when, changed


def summed(counter: re.Pattern[str], http: httpx.Client, url: str) -> float:
    """The sum of all samples of a counter."""
    return sum(float(value) for value in counter.findall(http.get(f"{url}/metrics").text))
