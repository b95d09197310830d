"""Scraped samples as OpenTelemetry's points; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Protocol

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.outputs.metrics.rows.targets import TARGET_METRICS
from vllm_costmeter.outputs.metrics.table import METRICS
from vllm_costmeter.outputs.otlp.names import OtelMetric, otel_attributes, otel_metric

BY_NAME = {row.name: row for row in (*METRICS, *TARGET_METRICS)}
MOST_STREAMS = 20_000
"""Streams whose last value is remembered; a server has some hundred."""


class ScrapedSample(Protocol):
    """As prometheus_client's registry gives it."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def value(self) -> float: ...


class ScrapedFamily(Protocol):
    """All samples of one metric."""

    @property
    def samples(self) -> Iterable[ScrapedSample]: ...


@dataclass(frozen=True, slots=True)
class Buckets:
    """A histogram's counts per bucket (not cumulative; the last is unbounded)."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float


@dataclass(frozen=True, slots=True)
class Point:
    """One stream now."""

    attributes: Mapping[str, str]
    value: float | Buckets
    start_unix_nanoseconds: int
    """Since when a cumulative value counts: the meter's start, or the last push before the value fell."""


@dataclass(slots=True)
class Streams:
    """Turns scrapes into points. A value that fell, because a process of the server began anew, starts a new sum."""

    start_unix_nanoseconds: int
    _last_push: int = 0
    _seen: dict[tuple[str, ...], tuple[float, int]] = field(default_factory=dict)

    def points(
        self, families: Iterable[ScrapedFamily], unix_nanoseconds: int
    ) -> list[tuple[OtelMetric, str, list[Point]]]:
        """(metric, description, its points), in the order of the scrape."""
        found: dict[str, tuple[OtelMetric, str, list[Point]]] = {}
        for family in families:
            for name, labels, value in _values(family):
                row = BY_NAME[name]
                metric = otel_metric(row)
                attributes = otel_attributes(labels, metric)
                total = sum(value.counts) if isinstance(value, Buckets) else value
                start = self._start(metric, attributes, total)
                found.setdefault(name, (metric, row.help, []))[2].append(Point(attributes, value, start))
        self._last_push = unix_nanoseconds
        return list(found.values())

    def _start(self, metric: OtelMetric, attributes: Mapping[str, str], total: float) -> int:
        if metric.instrument in ("gauge", "updowncounter"):
            return self.start_unix_nanoseconds
        key = (metric.name, *(text for pair in sorted(attributes.items()) for text in pair))
        last, start = self._seen.get(key, (0.0, self.start_unix_nanoseconds))
        if total < last:
            start = self._last_push
        if key in self._seen or len(self._seen) < MOST_STREAMS:
            self._seen[key] = (total, start)
        return start


def _values(family: ScrapedFamily) -> Iterator[tuple[str, dict[str, str], float | Buckets]]:
    """The rows' samples of one family; a histogram's parts are put together again."""
    histograms: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for sample in family.samples:
        if sample.name in BY_NAME:
            yield sample.name, dict(sample.labels), sample.value
        elif sample.name.removesuffix("_bucket") in BY_NAME or sample.name.removesuffix("_sum") in BY_NAME:
            name = sample.name.removesuffix("_bucket").removesuffix("_sum")
            labels = {**sample.labels, "": name}
            bound = labels.pop("le", "sum")
            histograms.setdefault(tuple(sorted(labels.items())), {})[bound] = sample.value
    for key, parts in histograms.items():
        labels = dict(key)
        name, total = labels.pop(""), parts.pop("sum", 0.0)
        ordered = sorted((float(bound), count) for bound, count in parts.items())
        cumulative = [0.0, *(count for _, count in ordered)]
        counts = tuple(int(high - low) for low, high in pairwise(cumulative))
        yield name, labels, Buckets(tuple(bound for bound, _ in ordered[:-1]), counts, total)
