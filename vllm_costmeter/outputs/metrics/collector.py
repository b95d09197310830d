"""The latest metric families on vLLM's own /metrics, for a server with one API process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from vllm_costmeter.outputs.metrics.exposition import Family
from vllm_costmeter.outputs.metrics.prometheus import REGISTRY, CollectorRegistry, Metric, floatToGoString


class LatestCollector:
    """Returns on each scrape what was published last; `before_scrape` may publish again first. There are no samples
    before the first `publish()`."""

    def __init__(
        self,
        registry: CollectorRegistry = REGISTRY,
        *,
        before_scrape: Callable[[LatestCollector], None] = lambda page: None,
        on_fault: Callable[[], None] = lambda: None,
    ) -> None:
        self._families: Sequence[Family] = ()
        self.before_scrape = before_scrape
        """Called with this collector on the scrape's thread; must be fast."""
        self._on_fault = on_fault
        """Called when a scrape fails: our samples are then absent, and vLLM's own metrics are complete."""
        self._registry = registry
        registry.register(self)

    def publish(self, families: Sequence[Family]) -> None:
        """Replace everything: a sample that is not in `families` is absent from the next scrape."""
        self._families = families

    def collect(self) -> Iterable[Metric]:
        try:
            self.before_scrape(self)
            return self.latest()
        except Exception:  # noqa: BLE001 an exception here would break vLLM's whole /metrics page
            self._on_fault()
            return ()

    def latest(self) -> list[Metric]:
        """What was published last, without publishing again."""
        return [_metric(family) for family in self._families]

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are registered as they appear."""
        return ()

    def unregister(self) -> None:
        """Remove the metrics from the registry."""
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
