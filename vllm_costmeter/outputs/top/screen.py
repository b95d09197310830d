"""The table on a terminal, redrawn in place.

The only file that imports rich, which the extra `top` installs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fleet.reading import ServerRow
from vllm_costmeter.core.fleet.totals import totals_of
from vllm_costmeter.outputs.top.columns import COLUMNS, model_of, printable, state_of

COLOURS = {"active": "green", "idle": "yellow", "asleep": "blue", "down": "red"}
BARS = "▁▂▃▄▅▆▇█"
LINES_AROUND = 4
"""The heading, the columns' titles, the totals and the keys."""
NARROWEST = 28
"""Columns of the server's name and its state."""
MODEL, SPARK = "model", "spark"
OTHER_WIDTHS = {MODEL: 17, SPARK: 13}
MOST_WANTED = ("usd-per-million", "tokens", MODEL, "usd-per-hour", "total", "kv", "idle", "joules", SPARK)
"""What is left out first stands last."""


class Screen:
    """The terminal of the standard output. BadInputError if there is none, or no rich."""

    def __init__(self) -> None:
        try:
            from rich.console import Console
        except ImportError:
            raise BadInputError(
                "costmeter top needs rich: pip install 'vllm-costmeter[top]'; `--once` needs nothing"
            ) from None
        self._console = Console(highlight=False, markup=False, emoji=False)
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            raise BadInputError(
                "the output is no terminal: add --once for one table, or --once --format json"
            )
        self._live: Any = None

    @contextlib.contextmanager
    def open(self) -> Iterator[Screen]:
        """The alternate screen, while it lasts."""
        from rich.live import Live

        with Live(console=self._console, screen=True, auto_refresh=False) as self._live:
            yield self

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, now."""
        return self._console.size.width, self._console.size.height

    @property
    def visible(self) -> int:
        """Servers that have room."""
        return max(1, self.size[1] - LINES_AROUND)

    def draw(self, rows: Sequence[ServerRow], first: int, heading: str, keys: str) -> None:
        """The rows from the first on, totals of all of them, and a line above and below."""
        from rich.console import Group
        from rich.text import Text

        lines = [Text(printable(text), no_wrap=True, overflow="ellipsis") for text in (heading, keys)]
        lines[0].stylize("bold")
        lines[1].stylize("dim")
        self._live.update(Group(lines[0], self._table(rows, first), lines[1]), refresh=True)

    def _table(self, rows: Sequence[ServerRow], first: int) -> Any:
        from rich.table import Table
        from rich.text import Text

        parts = parts_for(self.size[0], self._console.encoding)
        shown = [column for column in COLUMNS if column.key in parts]
        with_model, with_spark = MODEL in parts, SPARK in parts
        table = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), show_footer=False)
        table.add_column("server", no_wrap=True, overflow="ellipsis", ratio=2, min_width=8)
        if with_model:
            table.add_column("model", no_wrap=True, overflow="ellipsis", ratio=3, min_width=8)
        table.add_column("state", no_wrap=True)
        if with_spark:
            table.add_column("", no_wrap=True, width=OTHER_WIDTHS[SPARK] - 1)
        for column in shown:
            table.add_column(column.title, justify="right", no_wrap=True)
        for row in rows[first : first + self.visible]:
            cells = [Text(printable(shown_name(row.server)))]
            if with_model:
                cells.append(Text(model_of(row), style="red" if row.fault else ""))
            cells.append(Text(state_of(row), style=COLOURS.get(row.state, "")))
            if with_spark:
                cells.append(Text(sparkline(row.recent[1 - OTHER_WIDTHS[SPARK] :]), style="cyan"))
            for column in shown:
                cells.append(Text("" if row.reading is None else column.text(row.reading)))
            table.add_row(*cells)
        totals = totals_of(rows)
        last = [Text(f"{totals.up} of {totals.servers} up")]
        last += [Text("")] * (1 + with_model + with_spark)
        table.add_row(*last, *(Text(column.total(totals)) for column in shown), style="bold")
        return table


def parts_for(width: int, encoding: str) -> set[str]:
    """Which numbers, and whether the model and the sparkline, have room: keys of columns, `MODEL`, `SPARK`."""
    widths = {column.key: column.width for column in COLUMNS} | OTHER_WIDTHS
    room, found = width - NARROWEST, set()
    for part in MOST_WANTED:
        if part == SPARK and not encoding.lower().startswith("utf"):
            continue
        if widths[part] <= room:
            room -= widths[part]
            found.add(part)
    return found


def sparkline(values: Sequence[float]) -> str:
    """One bar a value, from zero to the largest of them."""
    most = max(values, default=0)
    if most <= 0:
        return BARS[0] * len(values)
    return "".join(BARS[min(len(BARS) - 1, int(value / most * len(BARS)))] for value in values)


def shown_name(address: str) -> str:
    """An address without what nearly all have."""
    return address.removeprefix("http://").removesuffix("/metrics")
