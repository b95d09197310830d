"""What has room on a terminal, and how numbers are written there."""

from __future__ import annotations

import pytest

from vllm_costmeter.outputs.top.columns import COLUMNS, dollars, number, percent
from vllm_costmeter.outputs.top.screen import MODEL, MOST_WANTED, SPARK, parts_for, sparkline


def test_a_wider_window_never_shows_less() -> None:
    """Of what is most wanted; at 140 columns everything, at 80 the model and what tokens cost."""
    for narrow in range(20, 200):
        assert len(parts_for(narrow, "utf-8")) <= len(parts_for(narrow + 1, "utf-8")) + 1
    assert parts_for(140, "utf-8") == set(MOST_WANTED)
    assert {MODEL, "usd-per-million", "tokens", "usd-per-hour"} <= parts_for(80, "utf-8")
    assert parts_for(10, "utf-8") == set()


def test_every_column_is_wanted() -> None:
    """One that is in no list would never be shown."""
    assert {column.key for column in COLUMNS} | {MODEL, SPARK} == set(MOST_WANTED)


def test_bars_need_a_terminal_that_has_them() -> None:
    """Latin-1 has none."""
    assert SPARK not in parts_for(200, "iso8859-1")


@pytest.mark.parametrize(
    ("values", "line"),
    [((), ""), ((0.0, 0.0), "▁▁"), ((0.0, 5.0, 10.0), "▁▅█"), ((1e-9,), "█"), ((7.0, 7.0), "██")],
)
def test_a_sparkline_begins_at_zero(values: tuple[float, ...], line: str) -> None:
    """A steady server's line is high, not low; a silent one's low."""
    assert sparkline(values) == line


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0.00"), (0.0342, "0.0342"), (0.1, "0.10"), (3.6, "3.60"), (1234.567, "1,234.57")],
)
def test_dollars_keep_what_counts(value: float | None, text: str) -> None:
    """A small price is not rounded away."""
    assert dollars(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0"),
        (1.234, "1.23"),
        (99.96, "100"),
        (1234.0, "1.23k"),
        (999_400.0, "999k"),
        (2.5e6, "2.5M"),
    ],
)
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    """In thousands and millions."""
    assert number(value) == text


def test_a_share_is_in_per_cent() -> None:
    """And unknown is not 0 %."""
    assert (percent(0.254), percent(None)) == ("25 %", "-")
