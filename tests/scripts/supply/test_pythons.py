"""The table of Pythons has what the tests counted on each, and keeps what it has of others."""

from __future__ import annotations

import datetime

from scripts.supply.pythons import HEAD, NEED_VLLM, PAGE, SECTION, Outcome, outcome_of, with_outcome

DAY = datetime.date(2026, 11, 29)
REPORT = """<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests">
<testsuite name="pytest" errors="1" failures="2" skipped="3" tests="1010" time="1.0" /></testsuites>"""


def test_errors_are_failures_and_skipped_tests_did_not_pass() -> None:
    """1,010 tests, of which 1 had an error, 2 failed and 3 were skipped."""
    assert outcome_of("3.14.5", REPORT, DAY) == Outcome("3.14.5", 1004, 3, 3, "2026-11-29")


def test_a_row_replaces_that_of_the_same_minor_version() -> None:
    """In the order of versions, whatever was there."""
    table = with_outcome("", Outcome("3.13.0", 1, 0, 0, "2026-11-01"))
    table = with_outcome(table, Outcome("3.11.7", 2, 0, 0, "2026-11-02"))
    table = with_outcome(table, Outcome("3.13.9", 3000, 4, 5, "2026-11-03"))
    assert table == f"\n{HEAD}| 3.11.7 | 2 | 0 | 0 | 2026-11-02 |\n| 3.13.9 | 3,000 | 4 | 5 | 2026-11-03 |\n"


def test_the_page_has_the_section_and_names_the_rooms_that_are_left_out() -> None:
    """What was not run is said."""
    page = PAGE.read_text("utf-8")
    assert SECTION.replaced(page, SECTION.read(page)) == page
    assert all(f"`{room}`" in page for room in NEED_VLLM)


def test_no_python_of_the_table_failed() -> None:
    """What failed is mended and run again."""
    rows = [row for row in SECTION.read(PAGE.read_text("utf-8")).splitlines() if row.startswith("| 3.")]
    assert [row for row in rows if row.split("|")[3].strip() != "0"] == []
