"""A table of texts, laid out for a terminal or as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Rows = Sequence[Sequence[str]]


def terminal_table(titles: Sequence[str], rows: Rows) -> str:
    """Columns two spaces apart; a column of numbers (or blanks) is flushed right. No line ends in spaces."""
    widths = [max(len(cell) for cell in column) for column in zip(titles, *rows, strict=True)]
    right = [all(map(_is_number, column)) for column in zip(*rows, strict=True)] or [False] * len(titles)
    lines = [
        "  ".join(
            cell.rjust(width) if flushed else cell.ljust(width)
            for cell, width, flushed in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in (titles, *rows)
    ]
    return "\n".join(lines) + "\n"


def markdown_table(titles: Sequence[str], rows: Rows) -> str:
    """A GitHub table; a bar inside a cell is escaped."""
    right = [all(map(_is_number, column)) for column in zip(*rows, strict=True)] or [False] * len(titles)
    lines = [_bars(titles), _bars("---:" if flushed else "---" for flushed in right), *map(_bars, rows)]
    return "\n".join(lines) + "\n"


def _bars(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _is_number(cell: str) -> bool:
    return not cell.strip("0123456789.,-?$ ")
