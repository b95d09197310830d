"""One row of the metric table."""

from __future__ import annotations

from typing import Literal

from vllm_costmeter.core.dataclass import dataclass

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
