"""Faults injected into real servers. `make chaos` runs them and writes the section of docs/reliability.md; `make test`
does not, because they take most of an hour."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest
from fault_rows import FaultRecord, Rows, failed, passed, today
from harness import ROOT

from vllm_costmeter.sources.vllm.installed import installed_release

RECORD = FaultRecord(ROOT / "docs" / "reliability" / "faults.json")
FOUND = pytest.StashKey[Rows]()
Found = Callable[..., None]


@pytest.fixture
def found(request: pytest.FixtureRequest) -> Found:
    """`found(fault, lost, **figures)`: a row of the table, if the test goes on to pass and the run was asked to
    record. A figure of both servers is `{"with": ..., "without": ...}` the plugin."""
    rows = request.node.stash.setdefault(FOUND, {})

    def row(fault: str, lost: str, **figures: object) -> None:
        rows[fault] = {
            "lost": lost,
            "on": today(),
            "vllm": installed_release().text.partition("+")[0],
            "figures": figures,
        }

    return row


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Record what a test found, or that it failed."""
    report = yield
    test = f"{item.path.name}::{item.name}"
    if item.config.getoption("--record") and item.get_closest_marker("chaos"):
        if report.failed:
            RECORD.write(failed(RECORD.read(), test, today()))
        elif report.passed and report.when == "call":
            RECORD.write(passed(RECORD.read(), test, item.stash.get(FOUND, {})))
    return report
