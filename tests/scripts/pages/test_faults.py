"""The section on faults is what was recorded."""

from __future__ import annotations

import ast
import json
from typing import Any

from harness import ROOT

from scripts.pages.faults import GROUPS, PAGE, RECORD, SECTION, faults

TESTS = ROOT / "tests" / "e2e" / "reliability"
ROW = {"lost": "nothing", "on": "2026-11-01", "vllm": "0.33.0"}


def signalled(signal: str, stage: str, status: int, **more: str) -> dict[str, Any]:
    figures = {"signal": signal, "stage": stage, "exit_status": {"with": status, "without": status}}
    return {**ROW, "test": f"test_signals.py::test_it[{stage}-{signal}]", "figures": figures, **more}


def test_the_page_has_what_was_recorded() -> None:
    """Written by hand or by an older run, it differs."""
    assert SECTION.read(PAGE.read_text("utf-8")) == faults(json.loads(RECORD.read_text("utf-8")))


def test_every_row_is_of_a_test_that_there_is() -> None:
    """A test that was removed or renamed takes its rows along."""
    there = {
        f"{file.name}::{node.name}"
        for file in TESTS.glob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    rows = json.loads(RECORD.read_text("utf-8"))
    assert {row["test"].partition("[")[0] for row in rows.values()} - there == set()


def test_every_file_of_faults_has_its_group() -> None:
    """A row of a file without one would be on no page."""
    assert {
        file.name for file in TESTS.glob("test_*.py") if "mark.chaos" in file.read_text()
    } == GROUPS.keys()


def test_a_figure_of_some_rows_is_empty_in_the_others() -> None:
    """Absent is not zero; a pair is shown with and without the plugin."""
    rows = {
        "one": {**ROW, "test": "test_deaths.py::a", "figures": {"exit_status": {"with": 1, "without": 1}}},
        "two": {**ROW, "test": "test_deaths.py::b", "figures": {"requests": 1200, "usd_error": 0.00123}},
    }
    assert [line for line in faults(rows).splitlines() if line.startswith("|")] == [
        "| fault | what is lost | exit status, with (without) | requests | dollars off by | on | vLLM |",
        "|---|---|---|---|---|---|---|",
        "| one | nothing | 1 (1) |  |  | 2026-11-01 | 0.33.0 |",
        "| two | nothing |  | 1,200 | +0.12% | 2026-11-01 | 0.33.0 |",
    ]


def test_signals_are_a_line_for_each_stage() -> None:
    """What was not run, or failed since, is in its cell."""
    rows = {
        "a": signalled("SIGINT", "1 while it imports", -2),
        "b": signalled("SIGTERM", "1 while it imports", -15, failed_on="2026-11-09"),
        "c": signalled("SIGTERM", "5 once it serves", 0, on="2026-11-03"),
    }
    assert [line for line in faults(rows).splitlines() if line.startswith("|")] == [
        "| exit status at | SIGINT, with (without) | SIGTERM, with (without) | what is lost | on | vLLM |",
        "|---|---|---|---|---|---|",
        "| 1 while it imports | -2 (-2) | -15 (-15); **failed on 2026-11-09** | nothing | 2026-11-01 | 0.33.0 |",
        "| 5 once it serves | not run | 0 (0) | nothing | 2026-11-03 | 0.33.0 |",
    ]


def test_a_test_that_never_passed_is_on_the_page() -> None:
    rows = {"test_disk.py::x": {"test": "test_disk.py::x", "failed_on": "2026-11-09"}}
    assert "| test_disk.py::x | **failed on 2026-11-09** |  |  |" in faults(rows)
