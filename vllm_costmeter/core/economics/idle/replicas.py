"""Fewer servers of a model, each as fast as one was ever seen to be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from vllm_costmeter.core.economics.idle.saving import Delays, Saving
from vllm_costmeter.core.economics.idle.timeline import Replica, together
from vllm_costmeter.core.ledger.rows import MINUTE


def running_servers(replicas: Sequence[Replica]) -> Mapping[int, int]:
    """How many ran in each minute: fewer than all where one followed another."""
    found: dict[int, int] = {}
    for replica in replicas:
        for minute in replica.steps:
            found[minute] = found.get(minute, 0) + 1
    return found


def fewer_replicas(replicas: Sequence[Replica]) -> Iterator[Saving]:
    """From one server less down to one. A minute's generated tokens are the load; what the servers left cannot generate
    in it waits for the next. Nothing for a model that had one server at a time, or generates no tokens."""
    running = running_servers(replicas)
    peak = max((step.generated_tokens for each in replicas for step in each.steps.values()), default=0.0)
    if peak <= 0:
        return
    load = together(replicas).steps
    for left in range(max(running.values()) - 1, 0, -1):
        usd = math.fsum(
            step.usd * (1 - left / running[minute]) for minute, step in load.items() if running[minute] > left
        )
        waiting, requests, seconds, longest = 0.0, 0.0, 0.0, 0.0
        for minute in sorted(load):
            step = load[minute]
            waiting = max(0.0, waiting + step.generated_tokens - left * peak)
            if waiting > 0:
                delay = waiting / (left * peak) * MINUTE
                requests += step.requests
                seconds += step.requests * delay
                longest = max(longest, delay)
        delays = Delays(round(requests), seconds, longest)
        yield Saving("fewer_replicas", f"{left}", usd, delays, 0, on_the_bill=True)
