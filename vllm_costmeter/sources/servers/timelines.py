"""How busy servers were, minute by minute, from a Prometheus."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

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
SERVER = ("model_name", "cluster", "job", "instance")
Key = tuple[str, ...]


def timelines(url: str, since: int, until: int) -> list[Replica]:
    """One for each server that was scraped between these Unix times, with its counters' increase by the minute.

    BadInputError for a response that is not from Prometheus. The growth over a gap (a failed or late scrape, a
    Prometheus that restarted, a longer scrape interval) is spread evenly over its minutes where the GPU seconds say
    that the server ran all the while; otherwise its minutes are missing, as of a server that was away.
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
    moments = _scraped(counters[ALL])
    rates = [_increase(counters[ALL], *pair) / (pair[1] - pair[0]) for pair in pairwise(moments)]
    gpus = max(1, round(median(rates))) if rates else 1
    steps = {}
    for before, after in pairwise(moments):
        minutes = (after - before) // MINUTE
        grown = {name: _increase(values, before, after) for name, values in counters.items()}
        if grown[ALL] <= (minutes - 1) * MINUTE * gpus:
            continue
        active = min(1.0, grown[ACTIVE] / grown[ALL])
        amounts = (grown[name] / minutes for name in (REQUESTS, USD, GENERATED))
        step = Step(MINUTE * active, *amounts)
        steps.update(dict.fromkeys(range(before, after, MINUTE), step))
    model, *server = key
    return Replica(model, " ".join(filter(None, server)), "", gpus, steps)


def _scraped(values: dict[int, float]) -> list[int]:
    """The minutes at which the counter of a running meter had moved on: a Prometheus that restarts, and one that
    scrapes less often, repeat the value of the scrape before."""
    found: list[int] = []
    for moment in sorted(values):
        if not found or values[moment] != values[found[-1]]:
            found.append(moment)
    return found


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
    on = ", ".join(SERVER[1:])
    named: dict[Key, set[str]] = {}
    gpus = f"group by ({on}, name) (last_over_time(costmeter_gpu_memory_total_bytes[{period}]))"
    for labels, _ in query(url, gpus):
        named.setdefault(_values(labels, SERVER[1:]), set()).add(labels.get("name", ""))
    models = query(
        url, f"group by ({', '.join(SERVER)}) (last_over_time(costmeter_gpu_seconds_total[{period}]))"
    )
    found: dict[str, set[str]] = {}
    for labels, _ in models:
        names = named.get(_values(labels, SERVER[1:]), {""})
        found.setdefault(labels.get("model_name", ""), set()).update(names)
    return {model: names.pop() for model, names in found.items() if len(names) == 1 and names != {""}}


def _values(labels: dict[str, str], names: Sequence[str]) -> Key:
    return tuple(labels.get(name, "") for name in names)


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
            _values(labels, SERVER),
            {at: value for at, value in values.items() if 0 <= value < math.inf},
        )
