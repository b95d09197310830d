"""Faults injected into real servers. `make chaos` runs them and writes the table of docs/reliability.md; `make test`
does not, because they take half an hour."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from harness import ROOT

RECORD = ROOT / "docs" / "reliability" / "faults.json"
Found = Callable[..., None]


@pytest.fixture
def found(request: pytest.FixtureRequest) -> Found:
    """`found(fault, lost, **figures)`: a row of the table, written down if the test goes on to pass and the run was
    asked to record."""

    def row(fault: str, lost: str, **figures: object) -> None:
        if not request.config.getoption("--record"):
            return
        rows = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        rows[fault] = {"lost": lost, **figures}
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps(dict(sorted(rows.items())), indent=1) + "\n")

    return row
