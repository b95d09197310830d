"""Write the section on faults of docs/reliability.md from what `make chaos` recorded."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.pages.marked_section import MarkedSection

ROOT = Path(__file__).resolve().parents[2]
DOCS, TESTS = ROOT / "docs", ROOT / "tests" / "e2e" / "reliability"
PAGE, RECORD = DOCS / "reliability.md", DOCS / "reliability" / "faults.json"
SECTION = MarkedSection("faults", "Faults", "python -m scripts.pages.faults")
GROUPS = {
    "test_driver.py": "The GPU driver",
    "test_disk.py": "The ledger's disk, and the clock",
    "test_changed_files.py": "Files that change while a server runs",
    "test_memory.py": "Memory",
    "test_deaths.py": "Processes that die, freeze or starve",
    "test_storms.py": "Many API servers",
    "test_signals.py": "Signals",
}
"""By the file of the tests."""
TEXT = """
`make chaos` injects each fault into a real server (vLLM's CPU build, a tiny model) under completions, chats, streams
and aborted requests without a pause. The GPU driver is a stand-in, and the disk's and the clock's faults come from a
library that is loaded before libc: no disk was filled and no clock was set. A stopped server is one that got SIGSTOP;
no machine was suspended. Where the server goes on, it requires the same text, token counts and model of six
completions before the fault and during or after it, an answer to every request, tokens equal to vLLM's own counters
and dollars within 2 % of price x time at a rental price, but for what a row says is lost; where it ends, the exit
status that a server without the plugin has. "Nothing" of a ledger that cannot be written holds while the server
lives: what is not written goes with it if it is killed. A row has the date of the last run that passed; a failure
since is named. A case of a test that is in no table was not recorded. How many requests and scrapes there were
depends on what else the machine did.

An exception at every line of the plugin is a test of its own (`tests/plugin/test_faults.py`, `test_every_file.py`, in
every `make test`): each line is made to fail in turn, within vLLM's own classes around a stand-in of the engine.

{groups}
"""

Row = Mapping[str, Any]


def faults(rows: Mapping[str, Row], tests: Sequence[str] = ()) -> str:
    """The section: a table for each group of `tests`, and those that never passed a run that recorded."""
    groups = []
    for file, title in GROUPS.items():
        own = {fault: row for fault, row in rows.items() if row["test"].startswith(f"{file}::")}
        grid = {fault: row for fault, row in own.items() if {"signal", "stage"} <= _figures(row).keys()}
        single = {fault: row for fault, row in own.items() if fault not in grid}
        tables = [_signals(list(grid.values()))] if grid else []
        tables += [_table(single)] if single else []
        if tables:
            groups.append("\n\n".join((f"### {title}", *tables)))
    recorded = {row["test"].partition("[")[0] for row in rows.values()}
    missing = [f"`{test}`" for test in tests if test not in recorded]
    if missing:
        groups.append(f"Not recorded yet: {', '.join(missing)}.")
    return TEXT.format(groups="\n\n".join(groups))


def fault_tests() -> list[str]:
    """Every test that injects a fault, as rows name it but for its parameters."""
    return [
        f"{file}::{node.name}"
        for file in GROUPS
        for node in ast.walk(ast.parse((TESTS / file).read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def _table(rows: Mapping[str, Row]) -> str:
    """A column for every figure that one of the rows has."""
    names = list(dict.fromkeys(name for row in rows.values() for name in _figures(row)))
    lines = [["fault", "what is lost", *(_title(name, rows.values()) for name in names), "on", "vLLM"]]
    for fault, row in rows.items():
        cells = [_shown(name, _figures(row).get(name)) for name in names]
        lines.append([fault, _lost(row), *cells, row.get("on", ""), row.get("vllm", "")])
    return _markdown(lines)


def _signals(rows: Sequence[Row]) -> str:
    """Every signal at every stage of a start, a stage in a line; stages begin with their number."""
    signals = sorted({_figures(row)["signal"] for row in rows})
    stages = sorted({_figures(row)["stage"] for row in rows})
    lines = [
        ["exit status at", *(f"{signal}, with (without)" for signal in signals), "what is lost", "on", "vLLM"]
    ]
    for stage in stages:
        own = {_figures(row)["signal"]: row for row in rows if _figures(row)["stage"] == stage}
        cells = [_status(own[signal]) if signal in own else "not recorded" for signal in signals]
        lost, on, release = (
            ", ".join(sorted({row[key] for row in own.values()})) for key in ("lost", "on", "vllm")
        )
        lines.append([stage, *cells, lost, on, release])
    return _markdown(lines)


def _status(row: Row) -> str:
    return _shown("exit_status", _figures(row)["exit_status"]) + _failure(row)


def _lost(row: Row) -> str:
    return (row.get("lost", "") + _failure(row)).removeprefix("; ")


def _failure(row: Row) -> str:
    return f"; **failed on {row['failed_on']}**" if "failed_on" in row else ""


def _figures(row: Row) -> Mapping[str, Any]:
    found: Mapping[str, Any] = row.get("figures", {})
    return found


def _title(name: str, rows: Iterable[Row]) -> str:
    pairs = any(isinstance(_figures(row).get(name), dict) for row in rows)
    words = name.replace("_", " ").replace("usd error", "dollars off by")
    return f"{words}, with (without)" if pairs else words


def _shown(name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"{_shown(name, value['with'])} ({_shown(name, value['without'])})"
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_error"):
        return f"{value:+.2%}"
    return f"{value:,}" if isinstance(value, int) else f"{value}"


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    head, *rows = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([head, "|---" * len(lines[0]) + "|", *rows])


def main() -> None:
    """Nothing is written where nothing was recorded."""
    if RECORD.exists():
        SECTION.write(PAGE, faults(json.loads(RECORD.read_text("utf-8")), fault_tests()))


if __name__ == "__main__":
    main()
