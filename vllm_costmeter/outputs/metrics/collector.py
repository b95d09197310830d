"""The latest families on vLLM's own /metrics, where one process serves it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from vllm_costmeter.outputs.metrics.exposition import Family
from vllm_costmeter.outputs.metrics.prometheus import REGISTRY, CollectorRegistry, Metric, floatToGoString


class LatestCollector:
    """Answers a scrape with what was published last, after `before_scrape` had its chance to publish anew. Before the
    first publication it has no sample."""

    def __init__(
        self,
        registry: CollectorRegistry = REGISTRY,
        *,
        before_scrape: Callable[[LatestCollector], None] = lambda page: None,
        on_fault: Callable[[], None] = lambda: None,
    ) -> None:
        self._families: Sequence[Family] = ()
        self.before_scrape = before_scrape
        """Called with this collector on the thread of each scrape; it must be quick."""
        self._on_fault = on_fault
        """Called when a scrape went wrong: it then has none of our samples, and vLLM's page has all of its own."""
        self._registry = registry
        registry.register(self)

    def publish(self, families: Sequence[Family]) -> None:
        """Replaces everything: a sample that is not in `families` is absent from the next scrape."""
        self._families = families

    def collect(self) -> Iterable[Metric]:
        try:
            self.before_scrape(self)
            return [_metric(family) for family in self._families]
        except Exception:  # noqa: BLE001 what leaves here costs vLLM its whole page
            self._on_fault()
            return ()

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are claimed as they appear."""
        return ()

    def unregister(self) -> None:
        """Takes the metrics off the registry."""
        self._registry.unregister(self)


def _metric(family: Family) -> Metric:
    row = family.row
    metric = Metric(
        row.name.removesuffix("_total") if row.kind == "counter" else row.name, row.help, row.kind
    )
    for labels, value in family.samples:
        metric.add_sample(row.name, dict(labels), value)
    if family.histogram is not None:
        labels, histogram = family.histogram
        cumulative = 0
        bounds = (*map(floatToGoString, histogram.upper_bounds), "+Inf")
        for bound, count in zip(bounds, histogram.counts, strict=True):
            cumulative += count
            metric.add_sample(f"{row.name}_bucket", dict(labels) | {"le": bound}, cumulative)
        metric.add_sample(f"{row.name}_count", dict(labels), cumulative)
        metric.add_sample(f"{row.name}_sum", dict(labels), histogram.sum)
    return metric
