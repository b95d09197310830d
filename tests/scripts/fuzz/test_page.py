"""The page of what was fuzzed has a row for every reader, and a run of some of them leaves the others' rows alone."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.fuzz.page import RESULTS, write_page
from scripts.fuzz.reader import ROOT
from scripts.fuzz.readers import READERS

PAGE = ROOT / "docs" / "reliability.md"


def counted(folder: Path, name: str, inputs: int) -> None:
    """What a run leaves for the page."""
    found = {"inputs": inputs, "read": inputs // 2, "slowest_seconds": 0.25, "findings": {"slow": "a.input"}}
    (folder / f"{name}{RESULTS}").write_text(json.dumps(found | {"on": "2026-12-01", "seed": 7}))


def test_every_reader_has_its_row_on_the_page() -> None:
    lines = PAGE.read_text().splitlines()
    missing = [
        each.what for each in READERS.values() if not any(f"| {each.what} | " in line for line in lines)
    ]
    assert missing == []


def test_a_run_of_one_reader_changes_its_row_and_the_sums(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for name in READERS:
        counted(tmp_path, name, 10)
    write_page(tmp_path, page)
    before = page.read_text().splitlines()
    for file in tmp_path.glob(f"*{RESULTS}"):
        file.unlink()
    counted(tmp_path, "bills", 2000)
    write_page(tmp_path, page)
    after = page.read_text().splitlines()
    row = "| bills (CSV) | outcomes | {} | 50% | 0 | 0.25 s | 1 | 2026-12-01 | 7 |"
    assert [line for line in before if line.startswith("|") and line not in after] == [row.format("10")]
    assert [line for line in after if line.startswith("|") and line not in before] == [row.format("2,000")]
    assert f"\n{10 * (len(READERS) - 1) + 2000:,} inputs, {len(READERS)} findings." in page.read_text()


def test_a_row_says_why_it_was_not_guided_by_coverage(tmp_path: Path) -> None:
    """A run without atheris looks like any other."""
    counted(tmp_path, "bills", 10)
    file = tmp_path / f"bills{RESULTS}"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"why": "atheris not installed"}))
    write_page(tmp_path, tmp_path / "page.md")
    assert "| bills (CSV) | outcomes (atheris not installed) | 10 |" in (tmp_path / "page.md").read_text()


def test_a_reader_that_was_never_counted_says_so(tmp_path: Path) -> None:
    write_page(tmp_path, tmp_path / "page.md")
    assert "\n| bills (CSV) | not counted yet |" in (tmp_path / "page.md").read_text()
