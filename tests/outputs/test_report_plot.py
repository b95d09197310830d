"""The chart of a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.grouping import Line
from vllm_costmeter.outputs.report.plot import draw_report, stacks


def test_bars_add_up() -> None:
    """Each day's dollars, with the cheapest of many names together."""
    lines = [Line((f"2026-11-0{day}", f"m{name}"), float(name)) for day in (2, 1) for name in range(1, 13)]
    times, named = stacks(lines)
    assert times == ["2026-11-01", "2026-11-02"]
    assert list(named) == [*(f"m{name}" for name in range(12, 3, -1)), "others"]
    assert [sum(usd[at] for usd in named.values()) for at in (0, 1)] == [78.0, 78.0]


@pytest.mark.parametrize("name", ["cost.png", "cost.svg"])
def test_a_picture_is_written(tmp_path: Path, name: str) -> None:
    """In either format; equal input, equal file."""
    pytest.importorskip("matplotlib")
    lines = [Line(("2026-11-01", "a"), 1.0), Line(("2026-11-02", "b"), 2.0)]
    pictures = []
    for _ in range(2):
        draw_report(lines, "model", tmp_path / name)
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) > 1000


def test_another_format_is_refused(tmp_path: Path) -> None:
    """And nothing is written."""
    with pytest.raises(BadInputError, match=r"\.png or \.svg"):
        draw_report([], "model", tmp_path / "cost.pdf")
    assert not list(tmp_path.iterdir())
