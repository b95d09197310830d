"""What the ledger costs: writing a minute, the size of a year of 50 models, and a report over it.

Prints JSON. The year is as a ledger holds it: minutes of the last three days, hours before. The report is a whole
`costmeter` process, measured against an empty interpreter's beside it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vllm_costmeter.core.ledger.rows import DAY, HOUR, MINUTE, NO_INTERVAL, Interval, Series
from vllm_costmeter.core.ledger.schema import ADD_DAILY, ADD_USAGE
from vllm_costmeter.core.ledger.usage import COLUMNS, Usage
from vllm_costmeter.outputs.ledger.file import MINUTES_KEPT_SECONDS, LedgerFile

MODELS = 50
NEWEST = 1_795_824_000  # 2026-11-28T00:00Z
WRITES = 200
BUSY = Usage(*(1 if name.endswith(("_tokens", "_requests")) else 1.25 for name in COLUMNS))
"""Every column has an amount, so that no row is smaller than a real one."""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "year.sqlite3"
        _build(path)
        print(
            json.dumps(
                {
                    "write_seconds": _write_seconds(Path(folder) / "written.sqlite3"),
                    "year_bytes": path.stat().st_size,
                    "report_seconds": {by: _seconds(path, by) for by in ("model", "day", "state")},
                    "interpreter_seconds": _least(["-c", "import json, argparse, sqlite3"]),
                }
            )
        )


def _series(model: int) -> Series:
    return Series(
        f"org/model-{model}", "H100", 1, "rental", "flag", "2026-11", 2.95, "node", "0.1.0", "0.33.0"
    )


def _build(path: Path) -> None:
    file = LedgerFile(path)
    begun = NEWEST - MINUTES_KEPT_SECONDS
    for model in range(MODELS):
        file.add(_series(model), {NEWEST: NO_INTERVAL})
        of, amounts = model + 1, BUSY.amounts()
        with file.transaction() as run:
            for start in range(NEWEST - 365 * DAY, begun, HOUR):
                run(ADD_USAGE, (start, HOUR, of, *amounts))
            for start in range(begun, NEWEST, MINUTE):
                run(ADD_USAGE, (start, MINUTE, of, *amounts))
            for start in range(NEWEST - 365 * DAY, NEWEST, DAY):
                run(ADD_DAILY, (start, of, *amounts))
    file.close()


def _write_seconds(path: Path) -> float:
    """One write of one server, as every five seconds; the mean of some."""
    file = LedgerFile(path)
    began = time.perf_counter()
    for number in range(WRITES):
        file.add(_series(0), {NEWEST + number // 12 * MINUTE: Interval(BUSY, {})})
    seconds = (time.perf_counter() - began) / WRITES
    file.close()
    return seconds


def _seconds(path: Path, by: str) -> float:
    until = "2026-11-28T12:00"
    return _least(
        ["-m", "vllm_costmeter.cli.main", "report", "--ledger", str(path), "--by", by, "--until", until]
    )


def _least(words: list[str]) -> float:
    """The shortest of five, which other work on the machine disturbs least."""
    found = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        found.append(time.perf_counter() - began)
    return min(found)


if __name__ == "__main__":
    main()
