"""Dashboards as values: queries, units, and the text for an empty result."""

from __future__ import annotations

from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, field

PanelKind = Literal["stat", "lines", "bars", "table"]


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression. `moment`: one value at the end of the time range instead of a line."""

    expression: str
    legend: str
    moment: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """Title and unit of a table column; its values come from the query at the same position."""

    title: str
    unit: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `when_empty` is the text shown if a query returns nothing."""

    title: str
    description: str
    kind: PanelKind
    unit: str
    queries: tuple[Query, ...]
    when_empty: str
    width: int = 12
    height: int = 8
    stacked: bool = False
    """Amounts that add up. Only their legend has a mean: a ratio's mean over time is not that of the time range."""
    maximum: float | None = None
    may_be_negative: bool = False
    logarithmic: bool = False
    """Prices span orders of magnitude between a busy hour and a single request."""
    thresholds: tuple[tuple[float, str], ...] = ()
    """(lower bound, colour), ascending. Empty: the palette's colours."""
    below_thresholds: str = "green"
    colours: tuple[tuple[str, str], ...] = ()
    """(legend or /pattern/, colour) of series with the same colour on every dashboard."""
    left_out_of_legend: str = ""
    """/pattern/ of series that are drawn, and named only by the tooltip."""
    words: tuple[tuple[str, str, str], ...] = ()
    """(value, text shown for it, colour)."""
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
    """A dashboard variable over the values of a label; `every` is the pattern for All."""

    name: str
    title: str
    description: str
    query: str
    every: str = ".+"


@dataclass(frozen=True, slots=True)
class Annotation:
    """A mark on the time axis where the expression is above zero."""

    name: str
    expression: str
    title: str
    colour: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard. `uid` identifies it in Grafana and is its file name."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    labels: tuple[LabelVariable, ...]
    annotations: tuple[Annotation, ...] = field(default=())

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels in display order."""
        return tuple(panel for row in self.rows for panel in row.panels)
