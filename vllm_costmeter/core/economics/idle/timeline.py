"""How busy a server was, minute by minute, and the stretches in which it worked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from vllm_costmeter.core.ledger.rows import MINUTE, UsageRow


class Step(NamedTuple):
    """One minute of a running server, or of all servers of a model."""

    active_seconds: float = 0.0
    """With at least one running request; between 0 and 60."""
    requests: float = 0.0
    """That ended; from a Prometheus not always a whole number."""
    usd: float = 0.0
    generated_tokens: float = 0.0


class Replica(NamedTuple):
    """One server's minutes, by the Unix time of their start. A minute that is missing was not paid for."""

    model_name: str
    name: str
    gpu_name: str
    """Empty if unknown."""
    gpus: int
    steps: Mapping[int, Step]
    request_seconds: float | None = None
    """How long a request ran, on average; None if unknown."""

    @property
    def usd(self) -> float:
        """Its bill."""
        return math.fsum(step.usd for step in self.steps.values())

    @property
    def usd_per_second(self) -> float:
        """The mean price while it ran."""
        return self.usd / (MINUTE * len(self.steps)) if self.steps else 0.0


class Arrivals(NamedTuple):
    """Requests that came evenly between two times."""

    first: float
    last: float
    requests: float


class Busy(NamedTuple):
    """A stretch in which requests were running."""

    start: float
    end: float
    arrivals: tuple[Arrivals, ...]
    """In order; the first at the start."""

    @property
    def request_seconds(self) -> float:
        """How long its last request ran, as far as minutes tell."""
        return self.end - self.arrivals[-1].last


class Span(NamedTuple):
    """A time without a missing minute, and what was busy in it, in order."""

    start: float
    end: float
    busy: tuple[Busy, ...]


def spans(replica: Replica) -> Iterator[Span]:
    """The uninterrupted times of a server.

    A run of minutes with activity is one busy stretch. Where in its first and last minute the activity lies is not
    known: their idle seconds are taken to lie half before and half after it. Requests are counted when they end; they
    are taken to have come the mean time before that, or where it is unknown, as long before as the first of them, which
    came at the start.
    """
    minutes = sorted(replica.steps)
    first = 0
    for at, minute in enumerate(minutes):
        if at + 1 == len(minutes) or minutes[at + 1] != minute + MINUTE:
            within = minutes[first : at + 1]
            yield Span(within[0], minute + MINUTE, tuple(_stretches(replica, within)))
            first = at + 1


def _stretches(replica: Replica, minutes: list[int]) -> Iterator[Busy]:
    run: list[int] = []
    for minute in [*minutes, None]:
        if minute is not None and _is_busy(replica.steps[minute]):
            run.append(minute)
        elif run:
            yield _busy(replica.steps, run, replica.request_seconds)
            run = []


def _busy(steps: Mapping[int, Step], run: list[int], request_seconds: float | None) -> Busy:
    before, after = (max(0.0, MINUTE - steps[at].active_seconds) / 2 for at in (run[0], run[-1]))
    start, end = run[0] + before, run[-1] + MINUTE - after
    ended = []
    for minute in run:
        if (requests := steps[minute].requests) > 0:
            low, high = max(start, minute), min(end, minute + MINUTE)
            ended.append(Arrivals(low + (high - low) / max(1.0, requests), high, requests))
    if not ended:  # its requests were not counted
        return Busy(start, end, (Arrivals(start, start, 1.0),))
    ran = ended[0].first - start
    if request_seconds is not None:
        ran = max(ran, request_seconds)
    arrivals = (
        Arrivals(max(start, first - ran), max(start, last - ran), count) for first, last, count in ended
    )
    return Busy(start, end, tuple(arrivals))


def _is_busy(step: Step) -> bool:
    return step.active_seconds > 0 or step.requests > 0


def together(replicas: Iterable[Replica]) -> Replica:
    """All servers of a model as one that is busy when any of them is."""
    each = list(replicas)
    steps: dict[int, Step] = {}
    for replica in each:
        for minute, step in replica.steps.items():
            before = steps.get(minute, Step())
            steps[minute] = Step(
                max(before.active_seconds, step.active_seconds),
                before.requests + step.requests,
                before.usd + step.usd,
                before.generated_tokens + step.generated_tokens,
            )
    first = each[0]
    known = [replica.request_seconds for replica in each if replica.request_seconds is not None]
    mean = sum(known) / len(known) if known else None
    return Replica(first.model_name, f"{len(each)} servers", first.gpu_name, first.gpus, steps, mean)


def replicas_of_ledger(rows: Iterable[tuple[int, UsageRow]]) -> list[Replica]:
    """One for each model, host and kind of GPU, from rows with their length in seconds. An idle hour is 60 idle
    minutes; a busy hour is busy in each of them, because where is not known."""
    found: dict[tuple[str, str, str, int], dict[int, Step]] = {}
    for length, (start, series, usage) in rows:
        minutes = length // MINUTE
        active = min(1.0, usage.active_gpu_seconds / usage.gpu_seconds) if usage.gpu_seconds else 0.0
        step = Step(
            MINUTE * active,
            usage.requests / minutes,
            usage.usd() / minutes,
            usage.generated_tokens / minutes,
        )
        steps = found.setdefault((series.model_name, series.host, series.gpu_name, series.gpus), {})
        for minute in range(start, start + length, MINUTE):
            steps[minute] = _added(steps[minute], step) if minute in steps else step
    return [Replica(*key, steps) for key, steps in sorted(found.items())]


def _added(one: Step, other: Step) -> Step:
    """Two servers in turn, in the same minute."""
    active, *amounts = (a + b for a, b in zip(one, other, strict=True))
    return Step(min(float(MINUTE), active), *amounts)
