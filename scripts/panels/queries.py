"""What a dashboard asks Prometheus, as Grafana would send it: variables filled in, panel by panel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DASHBOARDS = Path(__file__).resolve().parents[2] / "grafana" / "dashboards"


@dataclass(frozen=True)
class Asked:
    """One query of one panel."""

    dashboard: str
    panel: Mapping[str, Any]
    expression: str
    legend: str
    moment: bool

    @property
    def title(self) -> str:
        title: str = self.panel["title"]
        return title


def dashboards() -> Iterator[dict[str, Any]]:
    """The committed dashboards."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        yield json.loads(path.read_text())


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels of a dashboard without the row headings."""
    yield from (panel for panel in dashboard["panels"] if panel["type"] != "row")


def variables(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """What every variable stands for when nobody has chosen: all of a label, the default of a number."""
    return {
        variable["name"]: variable.get("allValue") or variable["query"]
        for variable in dashboard["templating"]["list"]
        if variable["type"] != "datasource"
    }


def filled_in(
    expression: str, chosen: Mapping[str, str], rate_interval: str = "1m", shown_range: str = "1h"
) -> str:
    """The expression as Prometheus gets it; KeyError for a variable that the dashboard does not have."""
    built_in = {"__rate_interval": rate_interval, "__range": shown_range}
    return re.sub(r"\$\{?(\w+)\}?", lambda found: {**built_in, **chosen}[found[1]], expression)


def queries(
    dashboard: Mapping[str, Any], rate_interval: str = "1m", shown_range: str = "1h"
) -> Iterator[Asked]:
    """Every query of every panel, filled in."""
    chosen = variables(dashboard)
    for panel in panels(dashboard):
        for target in panel["targets"]:
            text = filled_in(target["expr"], chosen, rate_interval, shown_range)
            yield Asked(
                dashboard["uid"], panel, text, target.get("legendFormat", ""), target.get("instant", False)
            )


def annotation_queries(dashboard: Mapping[str, Any], rate_interval: str = "1m") -> Iterator[tuple[str, str]]:
    """(name, expression) of every annotation, filled in."""
    chosen = variables(dashboard)
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], filled_in(annotation["expr"], chosen, rate_interval)
