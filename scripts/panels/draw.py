"""Draw what every panel of the dashboards shows: `python -m scripts.panels.draw URL_OF_PROMETHEUS FOLDER --range 3600`.

Not Grafana's looks, but its queries, units, legends, stacks, empty states and layout; a picture per dashboard.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import dates
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from scripts.panels.queries import dashboards, panels, variables
from scripts.panels.source import Source, legend, with_gaps
from scripts.panels.text import axis_format, binary_ticks, shown

mpl.use("agg")
COLUMNS, PIXELS, CELL_PIXELS = 24, 1280, 38
LEGENDS_ACROSS, LEGENDS_IN_CELL = 3, 9  # below the axis, where Grafana has them, so that they hide no line
PALETTE = {"green": "#56a64b", "orange": "#ff9830", "blue": "#3274d9", "purple": "#8f3bb8", "red": "#e02f44"}


def answers(
    source: Source, dashboard: Mapping[str, Any], panel: Mapping[str, Any]
) -> list[list[tuple[str, Any]]]:
    """(legend, series) of every query of a panel."""
    chosen = variables(dashboard)
    return [
        [
            (legend(target.get("legendFormat", ""), series["metric"]), series)
            for series in source.series(target["expr"], chosen, target.get("instant", False))
        ]
        for target in panel["targets"]
    ]


def colour_of(panel: Mapping[str, Any], name: str) -> str | None:
    """The fixed colour of a series."""
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] == name:
            for fixed in override["properties"]:
                if fixed["id"] == "color":
                    return PALETTE[fixed["value"]["fixedColor"]]
    return None


def threshold_colour(panel: Mapping[str, Any], value: float) -> str:
    """The colour of a number."""
    defaults = panel["fieldConfig"]["defaults"]
    if defaults["color"]["mode"] != "thresholds":
        return "#1f2430"
    steps = defaults["thresholds"]["steps"]
    colour: str = [step["color"] for step in steps if (step.get("value") or -math.inf) <= value][-1]
    return PALETTE[colour]


def word_for(panel: Mapping[str, Any], value: float) -> str | None:
    """The word that a value is mapped to."""
    for mapping in panel["fieldConfig"]["defaults"].get("mappings") or []:
        if (option := mapping["options"].get(f"{value:g}")) is not None:
            word: str = option["text"]
            return word
    return None


def draw_stat(axes: Axes, panel: Mapping[str, Any], found: Sequence[tuple[str, Any]]) -> None:
    """Numbers beside each other, with their names where there are several."""
    unit = panel["fieldConfig"]["defaults"]["unit"]
    across = min(len(found), 4)
    down = math.ceil(len(found) / across)
    for position, (name, series) in enumerate(found):
        value = float(series["value"][1])
        x, y = (position % across + 0.5) / across, 1 - (position // across + 0.5) / down
        text = word_for(panel, value) or shown(value, unit)
        colour = colour_of(panel, name) or threshold_colour(panel, value)
        axes.text(x, y, text, ha="center", va="center", fontsize=15 if len(found) > 1 else 20, color=colour)
        if len(found) > 1 or panel["options"]["textMode"] == "value_and_name":
            axes.text(x, y - 0.3 / down, name, ha="center", va="center", fontsize=6.5, color="#555")


def draw_lines(
    axes: Axes, panel: Mapping[str, Any], found: Sequence[tuple[str, Any]], step_seconds: float
) -> None:
    """Lines over time, stacked where the panel stacks."""
    defaults = panel["fieldConfig"]["defaults"]
    stacked = defaults["custom"].get("stacking", {}).get("mode") == "normal"
    below: dict[float, float] = {}
    for name, series in found:
        points = with_gaps([(float(t), float(v)) for t, v in series["values"]], step_seconds)
        times = [datetime.fromtimestamp(t, UTC) for t, _ in points]
        tops = [v + below.get(t, 0.0) for t, v in points] if stacked else [v for _, v in points]
        last = shown(points[-1][1], defaults["unit"])
        dot = "." if len(points) < 4 else ""
        colour = colour_of(panel, name)
        (line,) = axes.plot(times, tops, lw=1.2, color=colour, label=f"{name}  {last}", marker=dot)
        if stacked:
            bottoms = [below.get(t, 0.0) for t, _ in points]
            axes.fill_between(times, bottoms, tops, color=line.get_color(), alpha=0.3, lw=0)
            below.update({t: top for (t, _), top in zip(points, tops, strict=True)})
    for step in defaults["thresholds"]["steps"]:
        if step.get("value") is not None and defaults["custom"].get("thresholdsStyle"):
            axes.axhline(step["value"], color=PALETTE[step["color"]], lw=0.8, ls="--")
    if defaults["custom"].get("scaleDistribution", {}).get("type") == "log":
        axes.set_yscale("log")
    elif "min" in defaults:
        axes.set_ylim(bottom=defaults["min"])
    if "max" in defaults:
        axes.set_ylim(top=defaults["max"])
    axes.yaxis.set_major_formatter(axis_format(defaults["unit"]))
    bottom, top = axes.get_ylim()
    narrow = axes.get_yscale() == "log" and top < 10 * bottom
    axes.yaxis.set_minor_formatter(axis_format(defaults["unit"]) if narrow else NullFormatter())
    if defaults["unit"] == "bytes":
        axes.yaxis.set_major_locator(binary_ticks(top))
    first, last = axes.get_xlim()
    axes.xaxis.set_major_formatter(
        dates.DateFormatter("%H:%M" if (last - first) * 24 * 60 > 10 else "%H:%M:%S")
    )
    axes.tick_params(which="both", labelsize=6.5)
    axes.grid(alpha=0.25)
    below_axis = -26 / (axes.get_window_extent().height or 1)
    axes.legend(
        fontsize=6,
        loc="upper left",
        bbox_to_anchor=(0, below_axis),
        ncols=LEGENDS_ACROSS,
        frameon=False,
        borderpad=0,
    )


def draw_bars(axes: Axes, panel: Mapping[str, Any], found: Sequence[tuple[str, Any]]) -> None:
    """One bar per series with its value."""
    unit = panel["fieldConfig"]["defaults"]["unit"]
    names, numbers = [name for name, _ in found], [float(series["value"][1]) for _, series in found]
    axes.barh(names, numbers, color="#56a64b", height=0.7)
    for position, value in enumerate(numbers):
        axes.text(value, position, f" {shown(value, unit)}", va="center", fontsize=6.5)
    axes.set_yticks([])
    for position, name in enumerate(names):
        axes.text(0, position, f" {name}", va="center", fontsize=6.5, transform=axes.get_yaxis_transform())
    axes.set_xticks([])
    axes.invert_yaxis()
    room = 0.5 if panel["gridPos"]["w"] > 8 else 1.2  # for the names, in widths of the longest bar
    axes.set_xlim(-room * max(map(abs, numbers)) or -1, max(map(abs, numbers)) * 1.3 or 1)


def draw_table(axes: Axes, panel: Mapping[str, Any], found: Sequence[Sequence[tuple[str, Any]]]) -> None:
    """Rows by instance, a column per query."""
    titles = next(t for t in panel["transformations"] if t["id"] == "organize")["options"]["renameByName"]
    units = {
        o["matcher"]["options"]: p["value"]
        for o in panel["fieldConfig"]["overrides"]
        for p in o["properties"]
    }
    columns = list(titles.values())
    cells: dict[str, dict[str, str]] = {}
    for title, query in zip(columns, found, strict=True):
        for _, series in query:
            row = cells.setdefault(series["metric"]["instance"], {})
            row[title] = shown(float(series["value"][1]), units[title])
    table = axes.table(
        [[name, *(row.get(title, "") for title in columns)] for name, row in sorted(cells.items())],
        colLabels=["instance", *columns],
        loc="upper center",
    )
    table.set_fontsize(8)


def draw(dashboard: Mapping[str, Any], source: Source, note: str) -> plt.Figure:
    """One dashboard as a picture."""
    rows = 1 + max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    figure = plt.figure(figsize=(PIXELS / 100, rows * CELL_PIXELS / 100), dpi=100, facecolor="#f4f5f5")
    grid = figure.add_gridspec(
        rows, COLUMNS, left=0.05, right=0.99, top=0.995, bottom=0.005, hspace=0.3, wspace=1.6
    )
    figure.text(0.01, 1 - 0.6 / rows, f"{dashboard['title']}: {note}", fontsize=11, weight="bold")
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        top = at["y"] + 1
        if panel["type"] == "row":
            figure.text(
                0.01, 1 - (top + 0.45) / rows, panel["title"], fontsize=9, weight="bold", color="#444"
            )
            continue
        found = answers(source, dashboard, panel)
        below = 0 if panel["type"] == "stat" else 1
        if panel["type"] == "timeseries":
            below += math.ceil(sum(map(len, found)) / LEGENDS_IN_CELL)
        inner = grid[top : top + at["h"] - below, at["x"] : at["x"] + at["w"]]
        axes = figure.add_subplot(inner)
        axes.set_title(panel["title"], fontsize=8, loc="left", weight="bold", pad=3)
        _draw_panel(axes, panel, found, source.step_seconds)
    return figure


def _draw_panel(
    axes: Axes, panel: Mapping[str, Any], by_query: list[list[tuple[str, Any]]], step_seconds: float
) -> None:
    found = [series for query in by_query for series in query]
    if panel["type"] not in ("timeseries", "bargauge"):
        axes.set_xticks([])
        axes.set_yticks([])
    if not found:
        axes.text(
            0.5, 0.5, panel["fieldConfig"]["defaults"]["noValue"], ha="center", va="center", color="#888"
        )
        axes.set_xticks([])
        axes.set_yticks([])
    elif panel["type"] == "stat":
        draw_stat(axes, panel, found)
    elif panel["type"] == "timeseries":
        draw_lines(axes, panel, found, step_seconds)
    elif panel["type"] == "bargauge":
        draw_bars(axes, panel, found)
    else:
        draw_table(axes, panel, by_query)


def main() -> None:
    """One picture per dashboard into the folder."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("url", help="of the Prometheus")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--range", type=float, default=3600, metavar="SECONDS", help="default: 3600")
    parser.add_argument("--end", type=float, default=None, metavar="UNIX_SECONDS", help="default: now")
    parser.add_argument(
        "--scrape", type=float, default=15, metavar="SECONDS", help="scrape interval; default: 15"
    )
    parser.add_argument("--note", default="", help="what is seen, for the heading")
    args = parser.parse_args()
    source = Source(args.url, args.end or time.time(), args.range, args.scrape)
    args.folder.mkdir(parents=True, exist_ok=True)
    for dashboard in dashboards():
        picture = args.folder / f"{dashboard['uid'].removeprefix('costmeter-')}.png"
        draw(dashboard, source, args.note).savefig(picture)
        print(f"{picture}: {len(list(panels(dashboard)))} panels")


if __name__ == "__main__":
    main()
