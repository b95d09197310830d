"""Dashboards as values: what is asked, in which unit it is shown, and what an empty answer means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

PanelKind = Literal["stat", "lines", "bars", "table"]


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression. `moment` asks for one value at the end of the time range instead of a line."""

    expression: str
    legend: str
    moment: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A table column made by the query of the same position: its title and unit."""

    title: str
    unit: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. `when_empty` is what stands there instead of a value when nothing matches."""

    title: str
    description: str
    kind: PanelKind
    unit: str
    queries: tuple[Query, ...]
    when_empty: str
    width: int = 12
    height: int = 8
    stacked: bool = False
    maximum: float | None = None
    may_be_negative: bool = False
    logarithmic: bool = False
    """Prices span orders of magnitude between a busy hour and the last request before a pause."""
    thresholds: tuple[tuple[float, str], ...] = ()
    """(from this value on, colour), ascending. None of them: the palette's colours."""
    below_thresholds: str = "green"
    colours: tuple[tuple[str, str], ...] = ()
    """(legend, colour) for series that keep their colour on every dashboard."""
    words: tuple[tuple[str, str, str], ...] = ()
    """(value, what is shown for it, colour)."""
    columns: tuple[Column, ...] = ()
    link_title: str = ""
    link_url: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class LabelVariable:
    """A choice among the values a label has on a metric; `every` is the pattern that stands for all of them."""

    name: str
    title: str
    description: str
    query: str
    every: str = ".+"


@dataclass(frozen=True, slots=True)
class Annotation:
    """A mark on the time axis wherever the expression is above zero."""

    name: str
    expression: str
    title: str
    colour: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard. `uid` is its identity in Grafana and its file name."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    labels: tuple[LabelVariable, ...]
    annotations: tuple[Annotation, ...] = field(default=())

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in reading order."""
        return tuple(panel for row in self.rows for panel in row.panels)
