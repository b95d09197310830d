"""Reads ledgers for reports: never writes, and never waits long for a server that does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.rows import DAY, HOUR, MINUTE, Extent, Series, ShareRow, UsageRow
from vllm_costmeter.core.ledger.schema import (
    APPLICATION_ID,
    SERIES_COLUMNS,
    SHARE_COLUMNS,
    SQLITE_HEADER,
    VERSION,
)
from vllm_costmeter.core.ledger.usage import COLUMNS, Usage
from vllm_costmeter.core.meter.operations import Durations, Operation
from vllm_costmeter.core.meter.shares.share import Share

PATIENCE_SECONDS = 5.0


def ledger_paths(patterns: Sequence[str]) -> list[Path]:
    """The files of `--ledger`, globs resolved, each once. BadInputError for one that matches nothing."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        ledgers = [path for path in _matches(Path(pattern).expanduser()) if not _is_beside(path)]
        if not ledgers:
            raise BadInputError(
                f"no ledger at {pattern}; servers with `--plugin costmeter` log where theirs is"
            )
        found |= dict.fromkeys(path for path in ledgers)
    return list({path.resolve(): path for path in found}.values())


def _matches(path: Path) -> list[Path]:
    """The file itself, or what a glob matches, in order."""
    if path.exists() or not any(sign in str(path) for sign in "*?["):
        return [path] if path.exists() else []
    root = Path(path.anchor) if path.is_absolute() else Path()
    return sorted(root.glob(str(path.relative_to(path.anchor) if path.is_absolute() else path)))


def _is_beside(path: Path) -> bool:
    """SQLite's own files beside a ledger."""
    return path.name.endswith(("-wal", "-shm", "-journal"))


class Ledger:
    """One ledger, open to read."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def extent(self, since: float, until: float) -> Extent | None:
        """What it has in [since, until); None if nothing."""
        found = [
            (first, last + seconds, seconds)
            for seconds in (MINUTE, HOUR, DAY)
            for first, last in self._connection.execute(
                "SELECT MIN(start), MAX(start) FROM usage WHERE seconds = ? AND start >= ? AND start < ?",
                (seconds, since, until),
            )
            if first is not None
        ]
        if not found:
            return None
        first, last, longest = zip(*found, strict=True)
        return Extent(min(first), max(last), max(longest))

    def usage(self, since: float, until: float, step_seconds: int | None = None) -> Iterator[UsageRow]:
        """Sums by series and time step (None: the whole time, which starts at `since`), of the rows that start in
        [since, until). A step comes in several rows where whole days and the rest are summed apart."""
        series = self._series()
        for table, start, end in self._parts(since, until, step_seconds):
            step = _step(step_seconds)
            sums = ", ".join(f"SUM({name})" for name in COLUMNS)
            lengths = f"seconds IN ({MINUTE}, {HOUR}, {DAY}) AND" if table == "usage" else ""
            rows = self._connection.execute(
                f"SELECT {step} AS step, series, {sums} FROM {table} WHERE {lengths} start >= ? AND start < ? "
                "GROUP BY step, series ORDER BY step, series",
                (start, end),
            )
            for at, of, *amounts in rows:
                yield UsageRow(at, series[of], Usage(*amounts))

    def rows(self, since: float, until: float) -> Iterator[tuple[int, UsageRow]]:
        """Each row that starts in [since, until) as it is, with its length in seconds."""
        series = self._series()
        for start, seconds, of, *amounts in self._connection.execute(
            f"SELECT start, seconds, series, {', '.join(COLUMNS)} FROM usage WHERE start >= ? AND start < ? "
            "ORDER BY start, series",
            (since, until),
        ):
            yield seconds, UsageRow(start, series[of], Usage(*amounts))

    def operations(self, since: float, until: float) -> Iterator[tuple[str, Operation, Durations]]:
        """(model, operation, how long all of it took) by series, of the rows that start in [since, until)."""
        if not self._has("operation"):
            return
        series = self._series()
        for of, kind, level, *durations in self._connection.execute(
            "SELECT series, kind, level, SUM(times), SUM(duration_seconds) FROM operation "
            "WHERE start >= ? AND start < ? GROUP BY series, kind, level",
            (since, until),
        ):
            yield series[of].model_name, Operation(kind, level), Durations(*durations)

    def _parts(
        self, since: float, until: float, step_seconds: int | None
    ) -> Iterator[tuple[str, float, float]]:
        """The tables to read and their ranges: whole days from the daily sums, where there are any."""
        first, last = -(-since // DAY) * DAY, until // DAY * DAY
        if step_seconds == HOUR or first >= last or not self._has("daily"):
            yield "usage", since, until
            return
        for table, start, end in (("usage", since, first), ("daily", first, last), ("usage", last, until)):
            if start < end:
                yield table, start, end

    def _has(self, table: str) -> bool:
        """`daily` since schema 2, `operation` since schema 3."""
        found = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        return found is not None

    def shares(
        self, kind: str, since: float, until: float, step_seconds: int | None = None
    ) -> Iterator[ShareRow]:
        """The same for the parts of adapters or tenants."""
        step = _step(step_seconds)
        sums = ", ".join(f"SUM({name})" for name in SHARE_COLUMNS)
        rows = self._connection.execute(
            f"SELECT {step} AS step, series, name, {sums} FROM share "
            "WHERE kind = ? AND start >= ? AND start < ? GROUP BY step, series, name ORDER BY step, series, name",
            (kind, since, until),
        )
        series = self._series()
        for start, of, name, *amounts in rows:
            yield ShareRow(start, series[of], name, Share(*amounts))

    def share_usd(self, kind: str, names: Sequence[str], since: float) -> dict[str, float]:
        """Dollars of some adapters or tenants from `since` on; those with nothing are left out. Of a row in which it
        lies (a time zone's midnight in an hour whose minutes were joined), the part behind it by time."""
        marks, found = ", ".join("?" * len(names)), dict[str, float]()
        for seconds in (MINUTE, HOUR, DAY):
            rows = self._connection.execute(
                "SELECT name, SUM(usd * MIN(1.0, (start + seconds - ?) / seconds)) FROM share WHERE seconds = ? "
                f"AND start > ? AND kind = ? AND name IN ({marks}) GROUP BY name",
                (since, seconds, since - seconds, kind, *names),
            )
            for name, usd in rows:
                found[name] = found.get(name, 0.0) + usd
        return found

    def share_names(self, kind: str) -> set[str]:
        """All adapters or tenants it has anything of."""
        rows = self._connection.execute("SELECT DISTINCT name FROM share WHERE kind = ?", (kind,))
        return {name for (name,) in rows}

    def _series(self) -> dict[int, Series]:
        there = {row[1] for row in self._connection.execute("PRAGMA table_info(series)")}
        # an older schema lacks the columns that have a default; SQLite refuses a file that lacks another
        known = [name for name in SERIES_COLUMNS if name in there or name not in Series._field_defaults]
        rows = self._connection.execute(f"SELECT id, {', '.join(known)} FROM series")
        return _Known({row[0]: Series(**dict(zip(known, row[1:], strict=True))) for row in rows})


class _Known(dict[int, Series]):
    def __missing__(self, of: int) -> Series:
        raise sqlite3.DatabaseError(f"a row is of series {of!r:.20}, which is not there")


@contextmanager
def opened_ledger(path: Path) -> Iterator[Ledger]:
    """BadInputError, in one line, for a file that is not a ledger, is damaged, of a newer version, or locked."""
    _must_be_a_ledger(path)
    try:
        with closing(_connected(path)) as connection:
            yield Ledger(path, connection)
    except (
        sqlite3.DatabaseError,
        UnicodeDecodeError,
    ) as why:  # the second: a damaged text, in a row or in SQLite's error
        if "locked" in str(why):
            raise BadInputError(f"{path} is locked by another program; try again") from None
        raise BadInputError(
            f"{path} is damaged ({why}); nothing was changed. `sqlite3 {path} .recover` may save what is in it"
        ) from None


def _connected(path: Path) -> sqlite3.Connection:
    """Read-only; a file in a folder that cannot be written, where SQLite cannot share it, is read as it is."""
    name = quote(str(path.resolve()))
    try:
        connection = sqlite3.connect(f"file:{name}?mode=ro", uri=True, timeout=PATIENCE_SECONDS)
        connection.execute("SELECT 1 FROM series LIMIT 1").fetchone()
    except sqlite3.OperationalError as why:
        if "locked" in str(why):
            raise
        connection = sqlite3.connect(f"file:{name}?mode=ro&immutable=1", uri=True)
    return connection


def _must_be_a_ledger(path: Path) -> None:
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except IsADirectoryError:
        raise BadInputError(
            f"{path} is a folder; name the ledger in it, such as {path}/ledger.sqlite3, or all: '{path}/*.sqlite3'"
        ) from None
    except OSError as why:
        raise BadInputError(f"{path} cannot be read: {why.strerror}") from None
    if not header.startswith(SQLITE_HEADER):
        raise BadInputError(f"{path} is not a ledger: not an SQLite file")
    if len(header) < 100:
        raise BadInputError(f"{path} is damaged: it ends after {len(header)} bytes; nothing was changed")
    version, application = int.from_bytes(header[60:64]), int.from_bytes(header[68:72])
    if application != APPLICATION_ID:
        if (application, version) == (0, 0) and path.with_name(f"{path.name}-wal").exists():
            return  # a server has just created it: its first rows are in the write-ahead log
        raise BadInputError(f"{path} is not a ledger but another program's SQLite file")
    if version > VERSION:
        raise BadInputError(
            f"{path} was written by a newer vllm-costmeter (schema {version}, this one reads up to {VERSION}); "
            "update vllm-costmeter to read it"
        )


def _step(step_seconds: int | None) -> str:
    return "0" if step_seconds is None else f"start / {step_seconds} * {step_seconds}"
