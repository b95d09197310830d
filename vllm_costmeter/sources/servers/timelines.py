"""How busy servers were, minute by minute, from a Prometheus."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from vllm_costmeter.core.economics.idle.timeline import Replica, Step
from vllm_costmeter.core.ledger.rows import MINUTE
from vllm_costmeter.sources.servers.prometheus import prometheus_or_fault, query, result

POINTS_AT_ONCE = 1440
"""Of a series in one answer; a Prometheus gives at most 11,000."""
ACTIVE, ALL, REQUESTS, USD, GENERATED = "active", "all", "requests", "usd", "generated"
COUNTERS = {
    ACTIVE: 'costmeter_gpu_seconds_total{state="active"}',
    ALL: "costmeter_gpu_seconds_total",
    REQUESTS: "costmeter_request_cost_usd_count",
    USD: "costmeter_cost_usd_total",
    GENERATED: 'costmeter_tokens_total{kind="generated"}',
}
SERVER = ("model_name", "job", "instance")
Key = tuple[str, ...]


def timelines(url: str, since: int, until: int) -> list[Replica]:
    """One for each server that was scraped between these Unix times, with its counters' increase by the minute.

    BadInputError for a response that is not from Prometheus. A minute in which a server was not scraped is missing.
    """
    counters: dict[str, dict[Key, dict[int, float]]] = {}
    for name, series in COUNTERS.items():
        expression = f"sum by ({', '.join(SERVER)}) ({series})"
        found: dict[Key, dict[int, float]] = {}
        start = since
        while start < until:
            end = min(until, start + POINTS_AT_ONCE * MINUTE)
            for key, values in query_range(url, expression, start, end):
                found.setdefault(key, {}).update(values)
            start = end
        counters[name] = found
    return [
        _replica(key, {name: of.get(key, {}) for name, of in counters.items()})
        for key in sorted(counters[ALL])
    ]


def _replica(key: Key, counters: dict[str, dict[int, float]]) -> Replica:
    minutes = sorted(counters[ALL])
    steps, gpus = {}, 1
    for before, after in pairwise(minutes):
        if after - before != MINUTE:
            continue
        grown = {name: _increase(values, before, after) for name, values in counters.items()}
        if grown[ALL] <= 0:
            continue
        gpus = max(gpus, round(grown[ALL] / MINUTE))
        active = min(1.0, grown[ACTIVE] / grown[ALL])
        steps[before] = Step(MINUTE * active, grown[REQUESTS], grown[USD], grown[GENERATED])
    model, *server = key
    return Replica(model, " ".join(filter(None, server)), "", gpus, steps)


def _increase(values: dict[int, float], before: int, after: int) -> float:
    """Of a counter, which starts at 0 when its server does. One that was not scraped at `before` counts from when it
    last was: its gap's growth falls into this minute."""
    if after not in values:
        return 0.0
    earlier = values[before] if before in values else _last_before(values, before)
    return values[after] - earlier if values[after] >= earlier else values[after]


def _last_before(values: dict[int, float], moment: int) -> float:
    known = [at for at in values if at < moment]
    return values[max(known)] if known else 0.0


def gpu_names(url: str, period: str) -> dict[str, str]:
    """By model: the GPU of its servers, where each reports one and all the same."""
    named = {
        (labels.get("job", ""), labels.get("instance", "")): labels.get("name", "")
        for labels, _ in query(
            url,
            f"group by (job, instance, name) (last_over_time(costmeter_gpu_memory_total_bytes[{period}]))",
        )
    }
    models = query(
        url, f"group by ({', '.join(SERVER)}) (last_over_time(costmeter_gpu_seconds_total[{period}]))"
    )
    found: dict[str, set[str]] = {}
    for labels, _ in models:
        name = named.get((labels.get("job", ""), labels.get("instance", "")), "")
        found.setdefault(labels.get("model_name", ""), set()).add(name)
    return {model: names.pop() for model, names in found.items() if len(names) == 1 and names != {""}}


def request_seconds(url: str, period: str) -> dict[str, float]:
    """By model: how long a request took from its arrival, on average in the period, by vLLM's own histogram."""
    series = "vllm:e2e_request_latency_seconds"
    sums = (f"sum by (model_name) (increase({series}_{part}[{period}]))" for part in ("sum", "count"))
    return {
        labels.get("model_name", ""): value for labels, value in query(url, " / ".join(sums)) if value > 0
    }


def query_range(url: str, expression: str, start: int, end: int) -> Iterator[tuple[Key, dict[int, float]]]:
    """The values of each counter by the minute; what no counter can have (below zero, infinite) counts as not scraped.
    BadInputError for any response that is not Prometheus's."""
    for labels, row in result(url, "query_range", query=expression, start=start, end=end, step=MINUTE):
        with prometheus_or_fault(url):
            values = {int(float(at)): float(value) for at, value in row["values"]}
        yield (
            tuple(labels.get(label, "") for label in SERVER),
            {at: value for at, value in values.items() if 0 <= value < math.inf},
        )
