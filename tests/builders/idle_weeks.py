"""Weeks of requests to a server, request by request: as a meter would record them, and replayed under a time-out."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from vllm_costmeter.core.economics.idle.timeline import Replica, Step

WEEK = 7 * 86_400
MONDAY = 1_794_787_200  # 2026-11-16T00:00Z
USD_PER_HOUR = 3.0


class Request(NamedTuple):
    """Seconds since Monday, and how long it runs."""

    arrival: float
    seconds: float


def office(seed: int) -> list[Request]:
    """Busy from 8 to 18 on five days, a request now and then otherwise."""
    chance = random.Random(seed)
    per_hour = [90 if day < 5 and 8 <= hour < 18 else 0.7 for day in range(7) for hour in range(24)]
    return [
        Request(hour * 3600 + chance.random() * 3600, chance.uniform(1, 40))
        for hour, rate in enumerate(per_hour)
        for _ in range(int(rate) + (chance.random() < rate % 1))
    ]


def bursts(seed: int) -> list[Request]:
    """Jobs of many requests at once, some ten a day, at any hour."""
    chance = random.Random(seed)
    starts = [chance.random() * WEEK for _ in range(70)]
    return [
        Request(start + chance.expovariate(1 / 90), chance.uniform(5, 120))
        for start in starts
        for _ in range(chance.randint(20, 200))
    ]


def sparse(seed: int) -> list[Request]:
    """One request about every half hour, day and night."""
    chance = random.Random(seed)
    found, at = [], 0.0
    while (at := at + chance.expovariate(1 / 1800)) < WEEK:
        found.append(Request(at, chance.uniform(1, 20)))
    return found


def recorded(requests: Sequence[Request], name: str = "server") -> Replica:
    """The minutes that a meter writes: active seconds, requests that ended, dollars by the clock."""
    active = dict.fromkeys(range(0, WEEK, 60), 0.0)
    ended = dict.fromkeys(range(0, WEEK, 60), 0)
    for begin, end in _union(requests):
        at = begin
        while at < min(end, WEEK):
            minute = int(at // 60) * 60
            until = min(end, minute + 60)
            active[minute] += until - at
            at = until
    for request in requests:
        if (end := request.arrival + request.seconds) < WEEK:
            ended[int(end // 60) * 60] += 1
    usd = USD_PER_HOUR / 60
    steps = {
        MONDAY + minute: Step(min(60.0, active[minute]), ended[minute], usd, 50.0 * ended[minute])
        for minute in active
    }
    mean = sum(request.seconds for request in requests) / len(requests)
    return Replica("m", name, "", 1, steps, mean)


def _union(requests: Iterable[Request]) -> Iterator[tuple[float, float]]:
    begin = end = -1.0
    for request in sorted(requests):
        if request.arrival > end:
            if end > begin >= 0:
                yield begin, end
            begin, end = request.arrival, request.arrival + request.seconds
        end = max(end, request.arrival + request.seconds)
    if end > begin >= 0:
        yield begin, end


def replayed_usd(requests: Iterable[Request], time_out: float, start: float) -> tuple[float, int]:
    """(dollars saved, requests that waited): every request by itself, on a server that goes off and comes back."""
    paid_until, off, waited, ready = 0.0, 0.0, 0, 0.0
    for request in sorted(requests):
        if request.arrival > paid_until + time_out:
            off += request.arrival - paid_until - time_out
            ready = request.arrival + start
        if request.arrival < ready:
            waited += 1
        paid_until = max(paid_until, max(request.arrival, ready) + request.seconds)
    off += max(0.0, WEEK - paid_until - time_out)
    return off / 3600 * USD_PER_HOUR, waited
