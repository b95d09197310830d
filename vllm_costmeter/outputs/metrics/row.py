"""One row of the metric table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MetricKind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric as Prometheus scrapes it."""

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    unit: str
    help: str
    present_when: str
    """The condition for a sample; otherwise the metric is absent, never 0."""
