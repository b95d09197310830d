"""The samples of a Prometheus text page, selectable by name and labels."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


@dataclass(frozen=True)
class Scrape:
    """One reading of a /metrics page."""

    text: str
    samples: tuple[Sample, ...]

    def matching(self, name: str, **labels: str) -> list[Sample]:
        """The samples of `name` that have these labels (and possibly more)."""
        return [
            sample
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def has(self, name: str, **labels: str) -> bool:
        """True if at least one sample matches."""
        return bool(self.matching(name, **labels))

    def total(self, name: str, **labels: str) -> float:
        """The sum of the matching samples; 0.0 if there is none."""
        return sum(sample.value for sample in self.matching(name, **labels))

    def value(self, name: str, **labels: str) -> float | None:
        """The sum of the matching samples; None if there is none, because absent is not zero."""
        found = self.matching(name, **labels)
        return sum(sample.value for sample in found) if found else None

    def names(self) -> set[str]:
        """Every sample name on the page."""
        return {sample.name for sample in self.samples}


def parse(text: str) -> Scrape:
    """Parse a page. ValueError if `text` is not in the Prometheus text format."""
    return Scrape(text, tuple(samples_of(text)))


def samples_of(text: str) -> Iterable[Sample]:
    """Every sample of the page, in page order."""
    for family in text_string_to_metric_families(text):
        yield from family.samples


def scrape(url: str, timeout_seconds: float = 10) -> Scrape:
    """Read and parse `url`/metrics now."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=timeout_seconds) as response:
        return parse(response.read().decode())
