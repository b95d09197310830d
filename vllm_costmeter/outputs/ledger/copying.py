"""One ledger's rows added to another."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from vllm_costmeter.core.ledger.rows import Interval, Series
from vllm_costmeter.core.ledger.schema import SERIES_COLUMNS
from vllm_costmeter.core.ledger.usage import COLUMNS, Usage
from vllm_costmeter.outputs.ledger.file import LedgerFile, NotOursError


def add_all(source: Path, target: Path) -> str | None:
    """Add the minutes of `source` to `target`; one line if that failed, and then nothing was added for the series that
    failed."""
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = LedgerFile(target)
        try:
            for series, minutes in _minutes(source).items():
                file.add(series, minutes)
        finally:
            file.close()
    except (sqlite3.Error, OSError, NotOursError) as why:
        return str(why)
    return None


def _minutes(source: Path) -> dict[Series, dict[int, Interval]]:
    connection = sqlite3.connect(source)
    try:
        names = ", ".join(SERIES_COLUMNS)
        series = {row[0]: Series(*row[1:]) for row in connection.execute(f"SELECT id, {names} FROM series")}
        found: dict[Series, dict[int, Interval]] = {}
        for start, of, *amounts in connection.execute(
            f"SELECT start, series, {', '.join(COLUMNS)} FROM usage"
        ):
            found.setdefault(series[of], {})[start] = Interval(Usage(*amounts), {})
    finally:
        connection.close()
    return found
