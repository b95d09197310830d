"""The table at the end of a run, and what a missing tool does."""

from __future__ import annotations

import pytest
from lanes import unit_of
from required_tool import required_module, required_tool
from what_was_run import parts_of, table


def report(nodeid: str, outcome: str, reason: str = "", seconds: float = 1.0) -> pytest.TestReport:
    """One as pytest makes it."""
    longrepr = ("file.py", 3, f"Skipped: {reason}") if reason else None
    return pytest.TestReport(nodeid, ("", 0, ""), {}, outcome, longrepr, "call", duration=seconds)  # type: ignore[arg-type]


def test_every_part_has_a_row_and_every_skip_its_reason() -> None:
    """Folders by what ran, failed and was skipped; then what was left out, then why."""
    reports = {
        "passed": [
            report("tests/core/test_a.py::test_one", "passed"),
            report("tests/core/b/test_b.py::t", "passed"),
        ],
        "failed": [report("tests/e2e/metered/test_c.py::test_two", "failed", seconds=61.0)],
        "skipped": [report("tests/e2e/test_d.py::test_three[x]", "skipped", "npm is not on the PATH")],
        "deselected": [object()],
    }
    lines = table(parts_of(reports), ("what needs a server",))
    assert [line.split() for line in lines[1:4]] == [
        ["tests/core", "2", "0", "0", "2"],
        ["tests/e2e/metered", "0", "1", "0", "61"],
        ["tests/e2e/test_d.py", "0", "0", "1", "1"],
    ]
    assert lines[4:] == [
        "not run: what needs a server",
        "skipped: 1 of tests/e2e/test_d.py: npm is not on the PATH",
    ]


def test_nothing_skipped_is_said() -> None:
    """A table that ends without a word on skips could have lost them."""
    assert table({})[-1] == "skipped: nothing"


@pytest.mark.parametrize("need", [required_tool, required_module])
def test_what_is_missing_skips_on_a_laptop_and_fails_in_ci(
    need: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason names it."""
    for ci, outcome in (("", pytest.skip.Exception), ("true", pytest.fail.Exception)):
        monkeypatch.setenv("CI", ci)
        with pytest.raises(outcome, match="never_installed"):
            need("never_installed")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("nodeid", "unit"),
    [
        ("tests/core/test_fit.py::test_a[x::y]", "tests/core/test_fit.py"),
        ("tests/e2e/test_wheel.py::test_b", "tests/e2e/test_wheel.py"),
        ("tests/e2e/metered/test_tokens.py::test_c", "tests/e2e/metered"),
        ("tests/e2e/metered/more/test_tokens.py::test_c", "tests/e2e/metered"),
    ],
)
def test_what_shares_servers_runs_in_one_lane(nodeid: str, unit: str) -> None:
    """A file, or the folder of e2e that a test lies in."""
    assert unit_of(nodeid) == unit
