"""The record of injected faults: a row for each, of the last run of its test, and whether that run failed."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Rows = dict[str, Row]
"""By fault."""


def passed(rows: Rows, test: str, found: Rows) -> Rows:
    """The rows after a run of a test that passed: what it found, instead of all that it had found before."""
    of_others = {fault: row for fault, row in rows.items() if row["test"] != test}
    return dict(sorted((of_others | {fault: row | {"test": test} for fault, row in found.items()}).items()))


def failed(rows: Rows, test: str, on: str) -> Rows:
    """The rows after a run that failed: they say so, and keep their figures with their date. A test without a row gets
    one, under its own name."""
    own = [fault for fault, row in rows.items() if row["test"] == test]
    marked = {fault: rows[fault] | {"failed_on": on} for fault in own} or {
        test: {"test": test, "failed_on": on}
    }
    return dict(sorted((rows | marked).items()))


def today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


class FaultRecord:
    """A file of rows."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> Rows:
        """Nothing where there is no file."""
        found: Rows = json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}
        return found

    def write(self, rows: Rows) -> None:
        """All of them."""
        self._file.parent.mkdir(exist_ok=True)
        self._file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")
