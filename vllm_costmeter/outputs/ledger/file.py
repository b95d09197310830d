"""A ledger file that servers add to: SQLite in WAL mode, so that several may write and anybody may read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from vllm_costmeter.core.ledger.rows import DAY, HOUR, MINUTE, Interval, Series
from vllm_costmeter.core.ledger.schema import (
    ADD_DAILY,
    ADD_OPERATION,
    ADD_SHARE,
    ADD_USAGE,
    APPLICATION_ID,
    ROLL_UP_OPERATION,
    ROLL_UP_SHARE,
    ROLL_UP_USAGE,
    SERIES_COLUMNS,
    SQLITE_HEADER,
    TABLES,
    UPGRADES,
    VERSION,
)

PATIENCE_SECONDS = 2.0
"""How long another process may hold the file's lock; the next attempt comes a few seconds later."""
MINUTES_KEPT_SECONDS = 3 * DAY
HOURS_KEPT_SECONDS = 400 * DAY
"""Older minutes become hours, older hours days: a year of 50 models stays under 200 MB."""


class NotOursError(Exception):
    """The file is not a ledger, or one of a newer version: it is left alone."""


class LedgerFile:
    """One connection, for one thread. Methods raise sqlite3.Error or OSError; nothing is half written."""

    def __init__(self, path: Path) -> None:
        """Open, create or upgrade it. NotOursError for another program's file; sqlite3.DatabaseError for a damaged
        one."""
        self.path = path
        _must_be_ours(path)
        self._connection = sqlite3.connect(path, timeout=PATIENCE_SECONDS, isolation_level=None)
        self._ids: dict[Series, int] = {}
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def add(self, series: Series, minutes: Mapping[int, Interval]) -> None:
        """Add to these minutes, all or nothing."""
        with _transaction(self._connection):
            series_id = self._id_of(series)
            for start, (usage, shares, operations) in minutes.items():
                amounts = usage.amounts()
                self._connection.execute(ADD_USAGE, (start, MINUTE, series_id, *amounts))
                self._connection.execute(ADD_DAILY, (start // DAY * DAY, series_id, *amounts))
                for (kind, name), share in shares.items():
                    self._connection.execute(ADD_SHARE, (start, MINUTE, series_id, kind, name, *share))
                for operation, durations in operations.items():
                    self._connection.execute(
                        ADD_OPERATION, (start, MINUTE, series_id, *operation, *durations)
                    )

    def roll_up(self, now_unix_seconds: float) -> None:
        """Join old rows: minutes to hours, hours to days, a day's worth of time in each transaction."""
        for to, of, kept in ((HOUR, MINUTE, MINUTES_KEPT_SECONDS), (DAY, HOUR, HOURS_KEPT_SECONDS)):
            before = int(now_unix_seconds - kept) // DAY * DAY
            while (oldest := self._oldest(of)) is not None and oldest < before:
                until = min(before, oldest // DAY * DAY + DAY)
                with _transaction(self._connection):
                    for statement in (*ROLL_UP_USAGE, *ROLL_UP_SHARE, *ROLL_UP_OPERATION):
                        self._connection.execute(statement, {"to": to, "from": of, "before": until})

    @contextmanager
    def transaction(self) -> Iterator[Callable[[str, Sequence[object]], object]]:
        """Several statements, all or nothing."""
        with _transaction(self._connection):
            yield self._connection.execute

    def close(self) -> None:
        """Also writes the write-ahead log into the file, where nobody else has it open."""
        self._connection.close()

    def _prepare(self) -> None:
        run = self._connection.execute
        run("PRAGMA journal_mode = WAL")
        run(
            "PRAGMA synchronous = NORMAL"
        )  # a killed process loses nothing; a power cut the last transactions
        version: int = run("PRAGMA user_version").fetchone()[0]
        if version < VERSION:
            with _transaction(self._connection):
                self._upgrade()
        run("SELECT * FROM usage LIMIT 1").fetchone()

    def _upgrade(self) -> None:
        run = self._connection.execute
        version: int = run("PRAGMA user_version").fetchone()[0]  # another server may have been first
        if version == 0:
            for statement in TABLES:
                run(statement)
            run(f"PRAGMA application_id = {APPLICATION_ID}")
        for step in range(max(version, 1), VERSION) if version else ():
            for statement in UPGRADES[step]:
                run(statement)
        run(f"PRAGMA user_version = {VERSION}")

    def _id_of(self, series: Series) -> int:
        if series not in self._ids:
            names = ", ".join(SERIES_COLUMNS)
            marks = ", ".join("?" * len(SERIES_COLUMNS))
            self._connection.execute(f"INSERT OR IGNORE INTO series ({names}) VALUES ({marks})", series)
            equal = " AND ".join(f"{name} = ?" for name in SERIES_COLUMNS)
            (found,) = self._connection.execute(f"SELECT id FROM series WHERE {equal}", series).fetchone()
            self._ids = {series: found}
        return self._ids[series]

    def _oldest(self, seconds: int) -> int | None:
        (oldest,) = self._connection.execute(
            "SELECT MIN(start) FROM usage WHERE seconds = ?", (seconds,)
        ).fetchone()
        found: int | None = oldest
        return found


def is_damage(why: Exception) -> bool:
    """SQLITE_CORRUPT or SQLITE_NOTADB."""
    return isinstance(why, sqlite3.DatabaseError) and (getattr(why, "sqlite_errorcode", 0) & 0xFF) in (11, 26)


def set_aside(path: Path) -> Path:
    """Give a damaged ledger (and its write-ahead log) another name; the name. Raises OSError."""
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside


def _must_be_ours(path: Path) -> None:
    """Read without SQLite, which would create files beside another program's database."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb") as file:
        header = file.read(100)
    if not header.startswith(SQLITE_HEADER):
        raise NotOursError(f"{path} is not a ledger of costmeter; it is left as it is")
    version, application = int.from_bytes(header[60:64]), int.from_bytes(header[68:72])
    if application == 0:  # not said, or said in the write-ahead log only
        try:
            version, application, tables = _told_by_sqlite(path)
        except sqlite3.DatabaseError as why:
            if not is_damage(why):  # locked, or a disk that is full: it says nothing of whose file this is
                raise
            raise NotOursError(
                f"{path} is a damaged SQLite file that does not say whose; it is left as it is"
            ) from None
        if not tables:
            return  # created a moment ago by another server, or by an interrupted one
    if application != APPLICATION_ID:
        raise NotOursError(f"{path} is another program's SQLite file; it is left as it is")
    if version > VERSION:
        raise NotOursError(
            f"{path} was written by a newer vllm-costmeter (schema {version}, this one has {VERSION}); it is left as "
            "it is"
        )


def _told_by_sqlite(path: Path) -> tuple[int, int, int]:
    """(version, application, number of tables), with what is in the write-ahead log; reads only."""
    connection = sqlite3.connect(
        f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, timeout=PATIENCE_SECONDS
    )
    try:
        asked = ("PRAGMA user_version", "PRAGMA application_id", "SELECT COUNT(*) FROM sqlite_master")
        version, application, tables = (connection.execute(each).fetchone()[0] for each in asked)
        return version, application, tables
    finally:
        connection.close()


class _transaction:  # noqa: N801 (used as a statement)
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error:
                self._roll_back()
                raise
        else:
            self._roll_back()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
