"""What a panel's query gives, asked of a Prometheus with the step and rate interval that Grafana would take."""

from __future__ import annotations

import json
import math
import re
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from scripts.panels.queries import filled_in

POINTS = 600
"""A panel of half of 1280 pixels has about so many; Grafana asks for one point per pixel."""


@dataclass(frozen=True)
class Source:
    """A Prometheus and the time range looked at."""

    url: str
    end: float
    seconds: float
    scrape_seconds: float

    @property
    def step_seconds(self) -> float:
        """Between two points of a line; never finer than the scrapes."""
        return max(self.scrape_seconds, self.seconds / POINTS)

    def series(self, expression: str, chosen: Mapping[str, str], moment: bool) -> list[dict[str, Any]]:
        """What Grafana would get for it."""
        step = self.step_seconds
        rate_interval = f"{math.ceil(max(step + self.scrape_seconds, 4 * self.scrape_seconds))}s"
        text = filled_in(expression, chosen, rate_interval, f"{math.ceil(self.seconds)}s")
        if moment:
            return self._ask("query", {"query": text, "time": self.end})
        window = {"start": self.end - self.seconds, "end": self.end, "step": step}
        return self._ask("query_range", {"query": text, **window})

    def _ask(self, kind: str, fields: Mapping[str, object]) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/api/v1/{kind}?{urllib.parse.urlencode(fields)}") as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found


def legend(template: str, labels: Mapping[str, str]) -> str:
    """The legend of one series."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), template)


def with_gaps(points: list[tuple[float, float]], step_seconds: float) -> list[tuple[float, float]]:
    """A line is broken where a step has no value, as Grafana breaks it."""
    broken = points[:1]
    for before, after in pairwise(points):
        if after[0] - before[0] > 1.5 * step_seconds:
            broken.append((before[0] + step_seconds, math.nan))
        broken.append(after)
    return broken
