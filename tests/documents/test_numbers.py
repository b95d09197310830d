"""A number that stands on two pages is the same on both: the first pages quote what a measured page says."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def text(page: str) -> str:
    """Of a page, on one line."""
    return " ".join((ROOT / page).read_text().split())


def cells(page: str, row: str) -> list[str]:
    """Those of the last row that begins so, without its first."""
    rows = [line for line in (ROOT / page).read_text().splitlines() if line.startswith(f"| {row} |")]
    return [cell.strip() for cell in rows[-1].strip("| ").split("|")[1:]]


def size(cell: str) -> str:
    """`+1% (9%)` is 9 % in size."""
    return re.sub(r".*\((\d+)%\)", r"\1 %", cell)


def test_the_readme_quotes_the_measured_overhead() -> None:
    (relative,) = cells("docs/benchmarks.md", "the first relative to the second")
    (core,) = cells("docs/benchmarks.md", "CPU usage of the meter's thread, in one core")
    found = re.search(
        r"median of (\d+) pairs \| ([+-][\d.]+)% \| \| 95 % confidence interval of that median "
        r"\| ([+-][\d.]+)% to ([+-][\d.]+)%",
        text("docs/benchmarks.md"),
    )
    assert found is not None
    median, low, high = (float(each) for each in found.groups()[1:])
    readme = text("README.md")
    assert f"takes {relative.rstrip('%')} % of the time of vLLM's own statistics logger" in readme
    assert f"{float(core.rstrip('%')):.1f} % of a core" in readme
    assert f"differs by {abs(median):.1f} % in the median of {found[1]} pairs" in readme
    assert f"95 % confidence interval {abs(low):.1f} % lower to {high:.1f} % higher" in readme
    assert low < 0 < high


def test_the_comparison_with_aiconfigurator_is_that_of_the_page_of_serving() -> None:
    """The table's columns there are TPOT, TTFT and tokens/s, each theirs and then ours."""
    runs, *errors = cells("docs/serving.md", "all")
    assert f"on {runs} measured runs" in text("docs/compare.md")
    assert cells("docs/compare.md", "aiconfigurator") == [size(cell) for cell in errors[0::2]]
    assert cells("docs/compare.md", "`costmeter estimate`") == [size(cell) for cell in errors[1::2]]


def test_the_comparison_with_logs_is_that_of_the_page_of_accuracy() -> None:
    accuracy, compare = text("docs/accuracy.md"), text("docs/compare.md")
    mean = re.search(r"mean absolute error of the KV pool at most 1 %: ([\d.]+) %", accuracy)
    worst = re.search(r"no boot worse than 5 %: ([\d.]+) %", accuracy)
    inside = [cells("docs/accuracy.md", starts)[0].split(" of ") for starts in ("boots", "posted", "wild")]
    (own, own_all), *others = [(int(found), int(all_)) for found, all_ in inside]
    assert mean is not None
    assert worst is not None
    assert f"mean absolute error {mean[1]} %, worst {worst[1]} %, all {own} in the printed range" in compare
    assert own == own_all
    found, all_ = (sum(column) for column in zip(*others, strict=True))
    assert f"of {all_} more starts that people posted, {found}" in compare


def test_the_comparison_with_waiting_time_is_that_of_the_page_of_phases() -> None:
    rows = [cells("docs/phases.md", row) for row in ("long prompts: 512 + 64", "even: 128 + 128")]
    ours, theirs = ([row[column].strip("+-").replace("%", " %") for row in rows] for column in (3, 6))
    assert f"error of the prefill share {' and '.join(ours)} against {' and '.join(theirs)}" in text(
        "docs/compare.md"
    )
